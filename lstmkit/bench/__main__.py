"""The measuring process that lstmkit/bench/run.py starts: settings come as JSON, and results leave as JSON."""

import json
import sys

from lstmkit.bench import run

if __name__ == "__main__":
    try:
        results, left_out = run.measure(**json.loads(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, MemoryError) as error:
        sys.exit(f"lstmkit bench: {type(error).__name__}: {error}")
    print(json.dumps({"results": results, "left_out": left_out}))

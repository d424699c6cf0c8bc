"""`python -m lstmkit` is the command `lstmkit`."""

import sys

from lstmkit.cli import main

sys.exit(main())

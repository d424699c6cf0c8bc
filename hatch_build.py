"""The wheel carries the book's records and claims, which lstmkit reads; an editable install reads them in place."""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Records(BuildHookInterface):
    """chapters/results and chapters/claims.yml, in the wheel as lstmkit/book/."""

    def initialize(self, version, build_data):
        if version == "standard":
            for name in ("results", "claims.yml"):
                build_data["force_include"][f"chapters/{name}"] = f"lstmkit/book/{name}"

"""`python -m bench.records.schema` writes summary.schema.json, the form of summary.json, anew from the records."""

from pathlib import Path

from bench.records.folder import to_json
from bench.records.summary import make_schema

SCHEMA_FILE = Path(__file__).parent / "summary.schema.json"

if __name__ == "__main__":
    SCHEMA_FILE.write_text(to_json(make_schema()), "utf-8")

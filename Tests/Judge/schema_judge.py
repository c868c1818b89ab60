#!/usr/bin/env python3
"""An independent judge of JSON Schema: jsonschema, from PyPI.

    schema_judge.py INPUT OUTPUT    JSON [{"schema": …, "documents": […]}, …] -> JSON [[is valid, …], …]
"""

import json
import sys
from decimal import Decimal

from jsonschema import validators


def number(text):
    """Decimal, so that 19.99 is a multiple of 0.01; without a fraction an int, since jsonschema takes no Decimal for an integer."""
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else value


def main():
    with open(sys.argv[1]) as file:
        cases = json.load(file, parse_float=number)
    verdicts = []
    for case in cases:
        schema = case["schema"]
        judge = validators.validator_for(schema, default=validators.Draft202012Validator)
        judge.check_schema(schema)
        verdicts.append([judge(schema).is_valid(document) for document in case["documents"]])
    with open(sys.argv[2], "w") as file:
        json.dump(verdicts, file)


main()

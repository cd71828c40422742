"""The chaos harness: real stages on a real broker and S3 under seeded faults, judged from outside by the contract.

`python -m tests.chaos --help`. What is sent and what must come of it: `story`. Who runs: `workers`, through `stage`.
What goes wrong: `faults`. Who judges: `checker` and `auditor`, which import nothing of the product.
"""

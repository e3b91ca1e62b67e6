# Everything a change must pass, in the order that fails fastest. Each step also runs by itself.
.PHONY: check format lint types contracts test nightly trainers bench fix schema docs

check: format lint types contracts test

format:
	uv run ruff format --check .
lint:
	uv run ruff check .
types:
	uv run mypy
contracts:
	uv run lint-imports --no-cache
test:
	uv run pytest --cov -n 2
nightly:
	uv run --group nightly pytest -n 2 --hypothesis-profile=nightly
# Exports, read and trained on by the real libraries, and policies in PyTorch: gigabytes, of which a plain checkout
# needs nothing.
trainers:
	uv run --group training pytest tests/learning/export tests/learning/demonstration --hypothesis-profile=nightly
bench:
	uv run python -m tests.benchmarks
fix:
	uv run ruff check --fix . && uv run ruff format .
schema:
	uv run agentmesh schema > docs/team.schema.json
docs: schema
	uv run python docs/generate.py
	uv run python -m tests.test_documentation

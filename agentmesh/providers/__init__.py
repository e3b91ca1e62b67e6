"""Everything that answers a request: models over HTTP, simulated ones, scripts and functions.

`base` is the seam (`Request` in, `Reply` out), `registry` turns names into providers. `openai`, `openai_responses` and
`anthropic` build on `http`, which sends, retries and explains failures; `endpoints` shares connections, `wire` moves
bytes, `encoding` makes bodies that only grow at their end. No SDK is imported before the first request needs it.
"""

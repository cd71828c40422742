"""The embedded stack: a real Kafka broker and a real S3 server as child processes on loopback.

| module | is the only place for |
|---|---|
| `parts.py` | versions, broker settings, S3 flags, buckets and identities (compose uses the same table) |
| `jars.py` | getting and verifying the broker's jars |
| `ports.py` | choosing free loopback ports |
| `processes.py` | starting, recognising and stopping processes |
| `state.py` | what is written under `.dev/`: state, lock, secrets, `env` |
| `broker.py`, `store.py` | how each part is configured and started |
| `probes.py` | the round trips that decide whether a part is ready |
| `stack.py` | up, status, down |
"""

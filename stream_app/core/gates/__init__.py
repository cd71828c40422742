"""Quality gates a packet passes before it leaves; one file a gate."""

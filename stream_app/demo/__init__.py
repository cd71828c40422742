"""The main job on real input: generate or read conversations, replay them as production would, check what came out."""

"""Why a call deserves review: facts from evidence, conditions on facts, and the eight reasons of the taxonomy."""

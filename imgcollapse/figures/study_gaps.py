"""Declared arms and chains of a study that its tables do not hold, or not to their end."""

from __future__ import annotations

from imgcollapse.figures.study_tables import StudyTables


def missing_arms(tables: StudyTables) -> list[str]:
    """The declared arms of which no chain is in the tables."""
    return [arm for arm in tables.declared["arms"] if arm not in tables.arms]


def gaps_words(tables: StudyTables) -> str:
    """One sentence for each arm that lacks something; empty where nothing is missing."""
    seeds = tables.declared["seeds"]
    said = []
    for arm, config in tables.declared["arms"].items():
        ends = {
            seed: max((one.generation for one in scores), default=-1) + 1
            for (other, seed), scores in tables.scores.items()
            if other == arm
        }
        missing = len(set(seeds) - set(ends))
        wanted = int(config.get("generations", 0))
        short = sum(end < wanted for end in ends.values())
        if not ends:
            said.append(f"Arm {arm} is not in the tables: none of its {_chains(len(seeds))} is.")
            continue
        if missing:
            said.append(
                f"{missing} of {_chains(len(seeds))} of arm {arm} {is_or_are(missing)} not in the "
                "tables."
            )
        if short:
            end = "ends" if short == 1 else "end"
            said.append(
                f"{short} of {_chains(len(ends))} of arm {arm} {end} before generation "
                f"{wanted - 1}."
            )
    return " ".join(said)


def is_or_are(num: int) -> str:
    return "is" if num == 1 else "are"


def _chains(num: int) -> str:
    return f"{num} chain{'' if num == 1 else 's'}"

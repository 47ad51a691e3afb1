"""What all sections of a config share: strict types, and no setting without effect."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

MOST_IMAGES = 10_000_000
MOST_STEPS = 100_000_000

T = TypeVar("T")
Listed = Annotated[tuple[T, ...], Field(strict=False)]
"""A tuple that YAML writes as a list."""
POWER_OF_TEN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}")


class Section(BaseModel):
    """Part of a config. Values are of their type: neither ``true`` nor ``"3"`` is a number."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, strict=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def read_power_of_ten(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML 1.1 reads 1e-3 as text; where a number belongs, people mean the number."""
        kind = cls.model_fields[str(info.field_name)].annotation
        parts = {getattr(part, "__origin__", part) for part in (kind, *get_args(kind))}
        is_numeric = bool(parts & {int, float})
        if not (is_numeric and isinstance(value, str) and POWER_OF_TEN.fullmatch(value)):
            return value
        number = float(value)
        return int(number) if number.is_integer() else number

    def refuse_without_effect(self, section: str, chooser: str, **used_by: tuple[str, ...]) -> None:
        """ValueError where a field has no effect under the choice made, and is not its default."""
        chosen = getattr(self, chooser)
        for name, choices in used_by.items():
            default = type(self).model_fields[name].default
            if chosen not in choices and getattr(self, name) != default:
                raise ValueError(
                    f"{section}.{name} has no effect with {section}.{chooser}: {chosen}; "
                    f"it goes with {', '.join(choices)}"
                )

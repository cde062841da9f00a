"""How answers are drawn: the settings that the page's form is made of, and chats are asked with."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Unit = Annotated[float, Field(ge=0, le=1)]


class Sampling(BaseModel):
    """What is not said is as the model's authors recommend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: Annotated[float, Field(ge=0, le=2, description="0 takes the likeliest token each time.")] | None = None
    max_tokens: Annotated[int, Field(ge=1, description="The longest answer, in tokens.")] = 512
    top_p: Annotated[Unit, Field(description="Draw from the likeliest tokens of this share together.")] | None = None
    top_k: Annotated[int, Field(ge=0, description="Draw from so many likeliest tokens; 0 is all.")] | None = None
    min_p: Annotated[Unit, Field(description="At least so likely, measured by the likeliest token.")] | None = None
    repetition_penalty: (
        Annotated[float, Field(ge=0.01, le=100, description="Above 1, what stood before comes less often.")] | None
    ) = None
    frequency_penalty: (
        Annotated[float, Field(ge=-2, le=2, description="Taken off for each time that a token stood before.")] | None
    ) = None
    presence_penalty: (
        Annotated[float, Field(ge=-2, le=2, description="Taken off once for a token that stood before.")] | None
    ) = None
    seed: Annotated[int, Field(ge=0, le=2**31, description="The same seed gives the same answer.")] | None = None
    stop: Annotated[list[str], Field(max_length=4, description="Texts that end an answer.")] = []

    def asked(self) -> dict[str, Any]:
        """As members of a request, those that say something."""
        return {name: value for name, value in self.model_dump().items() if value not in (None, [])}


def schema() -> dict[str, Any]:
    """The JSON Schema of the form, without the null of what need not be said: nothing typed is nothing said."""
    found = Sampling.model_json_schema()
    for one in found["properties"].values():
        said = [choice for choice in one.get("anyOf", ()) if choice.get("type") != "null"]
        if len(said) == 1:
            one.pop("anyOf")
            one.update(said[0])
        one.pop("title", None)
    return found

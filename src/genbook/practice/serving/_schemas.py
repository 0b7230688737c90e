"""What may be asked, and what is answered: the shapes of the JSON on both sides."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from genbook.practice.serving.noise import MOST_SEED

__all__ = [
    "AnswerQuestion",
    "AskAnswer",
    "AskFeedback",
    "AskLogProb",
    "AskSamples",
    "LogProbs",
    "ModelCard",
    "Models",
    "Problem",
    "Samples",
    "Stored",
]


def _whole(value: Any) -> Any:
    """Take 3 and 3.0, which are one number in JSON, and no text and no truth value."""
    if isinstance(value, bool | str | bytes):
        raise ValueError("must be a whole number")
    return value


def _text(value: Any) -> Any:
    """Refuse signs that no text needs: control characters, and halves of signs."""
    if isinstance(value, str):
        if any(ord(c) < 32 and c not in "\t\n" for c in value):
            raise ValueError("must hold no control characters")
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise ValueError("must be Unicode")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4000), BeforeValidator(_text)
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class AskSamples(_Asked):
    """A wish for samples."""

    model: Name = Field(description="a name of /v1/models")
    n: Whole = Field(
        1, ge=1, le=1_000_000, description="how many; the service has a limit"
    )
    seed: Whole = Field(0, ge=0, le=MOST_SEED, description="decides the samples")
    label: Whole | None = Field(None, ge=0, le=1_000_000, description="what to draw")


class AskLogProb(_Asked):
    """A question for densities."""

    model: Name = Field(description="a name of /v1/models")
    x: list[Any] = Field(min_length=1, description="observations, nested lists")
    labels: list[Whole] | None = Field(None, description="a label for each")


class AskAnswer(_Asked):
    """A question for the desk."""

    question: Text
    passage: Text | None = None


class AskFeedback(_Asked):
    """What somebody thinks of an answer."""

    model: Name = Field(description="a name of /v1/models, or desk")
    prompt: Text = Field(description="what was asked")
    answer: Text = Field(description='what it answered; "?" where it did not know')
    verdict: Literal["good", "bad"]
    better: Text | None = Field(
        None, description='what it should have answered; "?" if it cannot know'
    )


class ModelCard(BaseModel):
    """What a model takes and can do."""

    name: str
    kind: str
    event_shape: list[int]
    classes: int
    tokens: bool
    log_prob: bool
    batched: bool


class Models(BaseModel):
    """All models, what else there is, and the limits of a request."""

    models: list[ModelCard]
    desk: bool
    feedback: bool
    most_samples: int
    most_points: int


class Samples(BaseModel):
    """Samples as nested lists."""

    model: str
    seed: int
    samples: list[Any]


class LogProbs(BaseModel):
    """Log densities in nats; ``null`` where the density is zero."""

    model: str
    log_prob: list[float | None]


class AnswerQuestion(BaseModel):
    """An answer; ``null`` where the desk would have to invent one."""

    answer: str | None


class Stored(BaseModel):
    """The number of a feedback that was kept."""

    id: int


class Problem(BaseModel):
    """What is wrong, in a sentence."""

    error: str
    request_id: str

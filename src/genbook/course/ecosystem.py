"""What stands around a generative model, as data: the parts, and who plays each.

The diagram and the table of the chapter are made from these, so neither can hold a part
that the other lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genbook._validate import check_each

__all__ = ["FLOWS", "PARTS", "Part", "table_lines"]


@dataclass(frozen=True)
class Part:
    """A part of the ecosystem, and who plays it.

    Attributes:
        name: What it is called, in the diagram and in the table.
        chapter: The chapter whose running code plays it here, a path in ``book/``
            without ending.
        here: What plays it, in a few words.
        code: Where that lies, paths from the root of the repository.
        aws: Its counterpart on Amazon's cloud.
        elsewhere: Counterparts of other makers.
        place: Its left column, its row and its columns, of three.
        kind: ``"data"``, ``"model"`` or ``"fixed"``, as in all diagrams of the book.
    """

    name: str
    chapter: str
    here: str
    code: tuple[str, ...]
    aws: str
    elsewhere: str
    place: tuple[float, float, float]
    kind: Literal["data", "model", "fixed"] = "fixed"


_CYCLE, _SERVING = "practice/project-life-cycle", "practice/serving"
_HERE, _WEEK = "practice/ecosystem", "practice/this-week"

#: Every part, from those who ask down to what everything stands on.
PARTS: tuple[Part, ...] = (
    Part(
        "consumers",
        _WEEK,
        "you, and the use case that you choose",
        ("book/practice/this-week.md",),
        "your customers, other services",
        "the same everywhere",
        (0, 0, 3),
    ),
    Part(
        "application interfaces",
        _SERVING,
        "an HTTP service and its page",
        ("src/genbook/practice/serving",),
        "API Gateway, Amplify; CodeWhisperer, an interface and its model sold as one",
        "FastAPI, Gradio, Streamlit, a shop's own site or app",
        (0, 1, 3),
    ),
    Part(
        "prompts and completions",
        "families/autoregressive",
        "tokens in, tokens out",
        ("src/genbook/models/autoregressive/transformer.py",),
        "Bedrock's converse and its prompt store",
        "the Messages and Responses interfaces of model makers, LangChain's templates",
        (0, 2, 2),
        "data",
    ),
    Part(
        "feedback",
        _SERVING,
        "kept, and turned into pairs to align with",
        ("src/genbook/practice/serving", "src/genbook/practice/alignment.py"),
        "SageMaker Ground Truth, DynamoDB",
        "Argilla, Label Studio, a table in any database",
        (2, 2, 1),
        "data",
    ),
    Part(
        "supporting models",
        _CYCLE,
        "embeddings, and a search that uses them",
        ("src/genbook/practice/retrieval.py",),
        "Titan Embeddings on Bedrock",
        "sentence-transformers, rerankers, safety classifiers",
        (0, 3, 1),
        "model",
    ),
    Part(
        "generative models",
        "families/taxonomy",
        "every family of this book",
        ("src/genbook/models",),
        "Bedrock, SageMaker JumpStart",
        "Hugging Face, Vertex AI, Azure AI Foundry; llama.cpp on your own machine",
        (1, 3, 1),
        "model",
    ),
    Part(
        "external systems",
        _HERE,
        "a simulated cloud",
        ("src/genbook/practice/cloud.py",),
        "Lambda, Bedrock Agents",
        "any service with an interface; the Model Context Protocol",
        (2, 3, 1),
    ),
    Part(
        "information sources",
        _CYCLE,
        "documents, and two indices over them",
        ("src/genbook/practice/entries.py", "src/genbook/practice/retrieval.py"),
        "S3, OpenSearch, RDS, Bedrock Knowledge Bases",
        "PostgreSQL with pgvector, SQLite, Elasticsearch, the web",
        (0, 4, 1),
        "data",
    ),
    Part(
        "tools and frameworks",
        "foundations/neural-networks",
        "PyTorch, and one training loop",
        ("src/genbook/training/fit.py", "src/genbook/training/distributed.py"),
        "the SageMaker SDK and its containers",
        "JAX, Hugging Face Transformers, Ray, LangChain",
        (1, 4, 2),
    ),
    Part(
        "monitoring and logging",
        _SERVING,
        "metrics, an audit log, a drift alarm",
        ("src/genbook/practice/monitoring.py",),
        "CloudWatch, CloudTrail, SageMaker Model Monitor",
        "Prometheus, Grafana, OpenTelemetry, MLflow",
        (0, 5, 1.5),
    ),
    Part(
        "operational tooling",
        "practice/ethics",
        "tests, audits, planted mistakes",
        ("Makefile", "src/genbook/practice/audits", "tests/planted_bugs/bugs.toml"),
        "CodePipeline, CodeBuild, Inspector",
        "GitHub Actions, GitLab CI, Trivy, Dependabot",
        (1.5, 5, 1.5),
    ),
    Part(
        "infrastructure",
        _HERE,
        "one processor, or two that share the work",
        ("src/genbook/training/distributed.py",),
        "EC2, EKS, SageMaker training jobs and endpoints",
        "a workstation, Kubernetes, Slurm, Google's TPUs",
        (0, 6, 3),
    ),
)

#: Who hands something to whom.
FLOWS: tuple[tuple[str, str], ...] = (
    ("consumers", "application interfaces"),
    ("application interfaces", "prompts and completions"),
    ("application interfaces", "feedback"),
    ("prompts and completions", "generative models"),
    ("feedback", "generative models"),
    ("information sources", "supporting models"),
    ("supporting models", "generative models"),
    ("generative models", "external systems"),
    ("tools and frameworks", "generative models"),
)


def table_lines(parts: Sequence[Part] = PARTS) -> list[str]:
    """Return the rows of the chapter's table in MyST, a line each, with their links.

    Args:
        parts: The parts.

    Raises:
        TypeError: If ``parts`` are none.

    Example:
        >>> table_lines(PARTS[:1])[0].split(" | ")[0]
        '| consumers'
    """
    return [
        f"| {p.name} | {{doc}}`../{p.chapter}`: {p.here} | {p.aws} | {p.elsewhere} |"
        for p in check_each(parts, "parts", Part)
    ]

"""The desk of the book, behind the same command as a saved model."""

from __future__ import annotations

import inspect
from pathlib import Path

import sklearn.cluster
import sklearn.neighbors

from genbook.practice.desk import load_desk, normalise
from genbook.practice.serving.desk import book_desk
from genbook.practice.serving.running import serving

#: Questions whose answer the signature knows, and the documentation states.
ASKED = {
    ("n_clusters", "KMeans"): sklearn.cluster.KMeans,
    ("min_samples", "DBSCAN"): sklearn.cluster.DBSCAN,
    ("n_neighbors", "KNeighborsClassifier"): sklearn.neighbors.KNeighborsClassifier,
}


def test_one_command_serves_a_saved_model_and_the_desk(shelf: Path) -> None:
    with serving(shelf / "flow.safetensors", "--desk") as service:
        status, answer = service.post("/v1/samples", {"model": "flow", "n": 2})
        assert (status, len(answer["samples"])) == (200, 2)
        for (parameter, name), made in ASKED.items():
            default = inspect.signature(made).parameters[parameter].default
            question = f"What is the default of {parameter} in {name}?"
            status, said = service.post("/v1/answers", {"question": question})
            assert status == 200
            assert float(said["answer"]) == default
        unsaid = {"question": "What is the default of x?", "passage": "x : int. Size."}
        assert service.post("/v1/answers", unsaid) == (200, {"answer": None})
        nothing = {"question": "?"}
        status, problem = service.post("/v1/answers", nothing)
        assert status == 422
        assert "words" in problem["error"]
        assert service.trail()[-1]["status"] == 422


def test_it_finds_the_passage_and_reads_it() -> None:
    """Questions that nothing was chosen by; .97 of 308 answers are the signature's."""
    desk = book_desk()
    questions = load_desk("scikit-learn").test[::3]
    answers = [(desk.answer(q.text), q) for q in questions]
    given = [(a, q) for a, q in answers if a is not None]
    right = sum(normalise(a) == q.default for a, q in given)
    assert len(given) > 0.8 * len(answers)
    assert right > 0.88 * len(given)

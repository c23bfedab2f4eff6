"""Short questions are answered from memory, and long ones are not kept."""

from lint.memo import remembered


def test_only_short_texts_are_remembered() -> None:
    asked = []

    @remembered(8)
    def length(text: str, more: int = 0) -> int:
        asked.append(text)
        return len(text) + more

    for text in ("short", "x" * 10_000):
        assert [length(text), length(text), length(text, 1)] == [len(text), len(text), len(text) + 1]

    assert asked == ["short", "short", *["x" * 10_000] * 3]


def test_a_number_is_not_taken_for_its_like() -> None:
    @remembered(8)
    def kind(value: float) -> str:
        return type(value).__name__

    assert [*map(kind, (1, 1.0, True))] == ["int", "float", "bool"]

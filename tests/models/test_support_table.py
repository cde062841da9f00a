from tests.models.support_table import PAGE, page


def test_the_page_of_architectures_is_fresh():
    assert PAGE.read_text() == page(), "run: python -m tests.models.support_table"

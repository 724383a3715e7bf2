import pytest
from django.contrib.auth.models import Group

from kernel.paging import page_by_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def groups() -> list[Group]:
    return [Group.objects.create(name=f"g{n}") for n in range(5)]


def test_pages_follow_each_other_from_the_newest_to_the_oldest(groups: list[Group]) -> None:
    seen, cursor = [], None
    for expected in (2, 2, 1):
        page = page_by_key(Group.objects.all(), cursor=cursor, size=2)
        assert len(page.items) == expected
        seen += page.items
        cursor = page.next_cursor
    assert seen == groups[::-1]
    assert cursor is None


def test_a_full_last_page_has_no_next_cursor(groups: list[Group]) -> None:
    assert page_by_key(Group.objects.all(), cursor=None, size=5).next_cursor is None


def test_oldest_first_goes_the_other_way(groups: list[Group]) -> None:
    page = page_by_key(Group.objects.all(), cursor=str(groups[1].pk), size=2, newest_first=False)
    assert page.items == groups[2:4]


def test_a_row_that_arrives_meanwhile_moves_nothing(groups: list[Group]) -> None:
    first = page_by_key(Group.objects.all(), cursor=None, size=2)
    Group.objects.create(name="late")
    assert page_by_key(Group.objects.all(), cursor=first.next_cursor, size=2).items == groups[1:3][::-1]


@pytest.mark.parametrize("cursor", ["", "abc", "-3", "1e5", "٣", "0", "9" * 40, "1.0", "\x00"])
def test_a_cursor_that_is_no_key_means_the_start(groups: list[Group], cursor: str) -> None:
    assert page_by_key(Group.objects.all(), cursor=cursor, size=2).items == groups[:2:-1]


def test_a_page_costs_one_query(groups: list[Group], django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        page_by_key(Group.objects.all(), cursor="3", size=2)

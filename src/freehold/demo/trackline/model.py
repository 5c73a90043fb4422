"""What Trackline accepts: the bodies and query strings of its API, checked as they are decoded."""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

TaskStatus = Literal["todo", "in_progress", "blocked", "done"]
Priority = Literal["low", "normal", "high", "urgent"]
ProjectStatus = Literal["active", "paused", "archived"]

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=4000)]
Body = Annotated[str, Meta(min_length=1, max_length=4000)]
Words = Annotated[str, Meta(min_length=2, max_length=100)]
Id = Annotated[str, Meta(max_length=40)]
Limit = Annotated[int, Meta(ge=1, le=50)]


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list."""

    limit: Limit = 20
    cursor: str | None = None


class ProjectQuery(Page, frozen=True, forbid_unknown_fields=True):
    """Which projects."""

    status: ProjectStatus | None = None


class TaskQuery(Page, frozen=True, forbid_unknown_fields=True):
    """Which tasks."""

    project_id: Id | None = None
    status: TaskStatus | None = None
    priority: Priority | None = None
    assignee_id: Id | None = None
    due_before: date | None = None


class SearchQuery(Page, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which words to look for."""

    q: Words


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No query parameters at all."""


class NewProject(Struct, frozen=True, forbid_unknown_fields=True):
    """A project to start."""

    name: Title
    description: Text = ""


class ProjectChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a project; what is left out stays."""

    name: Title | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    status: ProjectStatus | UnsetType = UNSET


class NewTask(Struct, frozen=True, forbid_unknown_fields=True):
    """A task to add to a project."""

    project_id: Id
    title: Title
    description: Text = ""
    priority: Priority = "normal"
    assignee_id: Id | None = None
    due_on: date | None = None


class TaskChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a task; what is left out stays, null clears."""

    title: Title | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    status: TaskStatus | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    due_on: date | UnsetType | None = UNSET


class Assignment(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to do a task; null means nobody."""

    assignee_id: Id | None


class NewComment(Struct, frozen=True, forbid_unknown_fields=True):
    """Something to say about a task."""

    body: Body

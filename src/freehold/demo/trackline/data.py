"""Trackline's own database: one SQLite file for all customers, reached only through a workspace.

A `Workspace` is bound to one verified caller and puts its tenant (and its project, when the token is narrowed to one) into every
statement, so that no handler can forget to. An id of another customer and an id of nobody both come to `Missing`."""

import json
import secrets
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec import UNSET, Struct, structs

from freehold.demo.trackline.model import (
    NewProject,
    NewTask,
    Page,
    ProjectChange,
    ProjectQuery,
    SearchQuery,
    TaskChange,
    TaskQuery,
)
from freehold.demo.trackline.tokens import Caller

Row = dict[str, object]

TABLES = """
CREATE TABLE workspaces (tenant TEXT PRIMARY KEY, slug TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE members (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, role TEXT NOT NULL, initials TEXT NOT NULL, access TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE projects (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE tasks (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, project_id TEXT NOT NULL REFERENCES projects (id), title TEXT NOT NULL,
  description TEXT NOT NULL, status TEXT NOT NULL, priority TEXT NOT NULL, assignee_id TEXT REFERENCES members (id), due_on TEXT,
  created_by TEXT NOT NULL, created_at TEXT NOT NULL, completed_at TEXT);
CREATE TABLE comments (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, project_id TEXT NOT NULL, task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  author TEXT NOT NULL, body TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX members_of ON members (tenant, created_at, id);
CREATE INDEX projects_of ON projects (tenant, created_at, id);
CREATE INDEX tasks_of ON tasks (tenant, created_at, id);
CREATE INDEX comments_of ON comments (tenant, task_id, created_at, id);
"""

MEMBERS = """
SELECT * FROM members WHERE tenant = :tenant
AND (created_at, id) > (:after_at, :after_id) ORDER BY created_at, id LIMIT :limit + 1"""
MEMBER = "SELECT * FROM members WHERE tenant = :tenant AND id = :id"
PROJECTS = """
SELECT * FROM projects WHERE tenant = :tenant AND (:scope IS NULL OR id = :scope) AND (:status IS NULL OR status = :status)
AND (created_at, id) > (:after_at, :after_id) ORDER BY created_at, id LIMIT :limit + 1"""
PROJECT = "SELECT * FROM projects WHERE tenant = :tenant AND (:scope IS NULL OR id = :scope) AND id = :id"
ADD_PROJECT = """
INSERT INTO projects (id, tenant, name, description, status, created_at)
VALUES (:id, :tenant, :name, :description, :status, :created_at)"""
CHANGE_PROJECT = "UPDATE projects SET name = :name, description = :description, status = :status WHERE tenant = :tenant AND id = :id"
TASKS = """
SELECT * FROM tasks WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope)
AND (:project_id IS NULL OR project_id = :project_id) AND (:status IS NULL OR status = :status)
AND (:priority IS NULL OR priority = :priority) AND (:assignee_id IS NULL OR assignee_id = :assignee_id)
AND (:due_before IS NULL OR due_on < :due_before)
AND (created_at, id) > (:after_at, :after_id) ORDER BY created_at, id LIMIT :limit + 1"""
FOUND = """
SELECT * FROM tasks WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope)
AND (instr(lower(title || ' ' || description), lower(:q)) > 0 OR id IN
  (SELECT task_id FROM comments WHERE tenant = :tenant AND instr(lower(body), lower(:q)) > 0))
AND (created_at, id) > (:after_at, :after_id) ORDER BY created_at, id LIMIT :limit + 1"""
TASK = "SELECT * FROM tasks WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope) AND id = :id"
ADD_TASK = """
INSERT INTO tasks (id, tenant, project_id, title, description, status, priority, assignee_id, due_on, created_by, created_at)
VALUES (:id, :tenant, :project_id, :title, :description, :status, :priority, :assignee_id, :due_on, :created_by, :created_at)"""
CHANGE_TASK = """
UPDATE tasks SET title = :title, description = :description, status = :status, priority = :priority, assignee_id = :assignee_id,
due_on = :due_on, completed_at = :completed_at WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope) AND id = :id"""
REMOVE_TASK = "DELETE FROM tasks WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope) AND id = :id"
COMMENTS = """
SELECT * FROM comments WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope) AND task_id = :task_id
AND (created_at, id) > (:after_at, :after_id) ORDER BY created_at, id LIMIT :limit + 1"""
ADD_COMMENT = """
INSERT INTO comments (id, tenant, project_id, task_id, author, body, created_at)
VALUES (:id, :tenant, :project_id, :task_id, :author, :body, :created_at)"""
REPORT = """
SELECT count(*) AS tasks, coalesce(sum(status = 'todo'), 0) AS todo, coalesce(sum(status = 'in_progress'), 0) AS in_progress,
coalesce(sum(status = 'blocked'), 0) AS blocked, coalesce(sum(status = 'done'), 0) AS done,
coalesce(sum(status <> 'done' AND due_on < :today), 0) AS overdue,
coalesce(sum(status <> 'done' AND assignee_id IS NULL), 0) AS unassigned
FROM tasks WHERE tenant = :tenant AND (:scope IS NULL OR project_id = :scope) AND (:project_id IS NULL OR project_id = :project_id)"""


class Missing(Exception):
    """There is nothing with that id in this workspace."""


class BadCursor(Exception):
    """The cursor is not one of ours."""


class Archived(Exception):
    """The project takes no new tasks."""


class Store:
    """The file and its one connection. SQLite answers in microseconds, so statements run on the event loop."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """Open the file, making it and its tables if it is new."""
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA foreign_keys = ON")
        if not self.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'workspaces'").fetchone():
            self.db.executescript(TABLES)
        self._now = now

    def workspace(self, caller: Caller) -> "Workspace":
        """The caller's workspace. Raises `Missing` when this customer has none."""
        row = self.db.execute("SELECT slug FROM workspaces WHERE tenant = ?", (caller.tenant,)).fetchone()
        if row is None:
            raise Missing
        return Workspace(self.db, caller, f"https://trackline.example/{row['slug']}", self._now)

    def close(self) -> None:
        """Close the file."""
        self.db.close()


class Workspace:
    """All that one caller may see and change."""

    def __init__(self, db: sqlite3.Connection, caller: Caller, url: str, now: Callable[[], float]) -> None:
        """Bind every statement to the caller's tenant and scope."""
        self._db = db
        self._caller = caller
        self._bound = {"tenant": caller.tenant, "scope": caller.project}
        self._url = url
        self._now = now

    def me(self) -> Row:
        """What Trackline knows of the caller: only what the token says."""
        return {"user": self._caller.user, "agent": self._caller.agent, "project_id": self._caller.project, "url": self._url}

    def members(self, query: Page) -> Row:
        """A page of members."""
        return self._page("members", MEMBERS, query)

    def member(self, ident: str) -> Row:
        """One member."""
        return self._one("members", MEMBER, ident)

    def projects(self, query: ProjectQuery) -> Row:
        """A page of projects."""
        return self._page("projects", PROJECTS, query)

    def project(self, ident: str) -> Row:
        """One project."""
        return self._one("projects", PROJECT, ident)

    def add_project(self, new: NewProject) -> Row:
        """Start a project. A caller narrowed to one project may not start another."""
        if self._caller.project is not None:
            raise Missing
        return self.project(self._run(ADD_PROJECT, {**structs.asdict(new), **self._born("prj"), "status": "active"}))

    def change_project(self, ident: str, change: ProjectChange) -> Row:
        """Change a project."""
        return self.project(self._run(CHANGE_PROJECT, self.project(ident) | _given(change)))

    def tasks(self, query: TaskQuery) -> Row:
        """A page of tasks, oldest first."""
        return self._page("tasks", TASKS, query)

    def search(self, query: SearchQuery) -> Row:
        """A page of the tasks in which, or under which, the words stand."""
        return self._page("tasks", FOUND, query)

    def task(self, ident: str) -> Row:
        """One task."""
        return self._one("tasks", TASK, ident)

    def add_task(self, new: NewTask) -> Row:
        """Add a task to a project that is not archived."""
        if self.project(new.project_id)["status"] == "archived":
            raise Archived
        self._must_be_member(new.assignee_id)
        made = {**structs.asdict(new), **self._born("tsk"), "status": "todo", "created_by": self._caller.user}
        return self.task(self._run(ADD_TASK, made))

    def change_task(self, ident: str, change: TaskChange) -> Row:
        """Change a task; setting its status to done completes it."""
        return self._write_task(self.task(ident) | _given(change))

    def assign(self, ident: str, assignee_id: str | None) -> Row:
        """Give a task to a member, or to nobody."""
        task = self.task(ident)
        self._must_be_member(assignee_id)
        return self._write_task(task | {"assignee_id": assignee_id})

    def remove_task(self, ident: str) -> None:
        """Delete a task and its comments."""
        self._run(REMOVE_TASK, self.task(ident))

    def comments(self, task_id: str, query: Page) -> Row:
        """A page of what was said about a task."""
        return self._page("comments", COMMENTS, query, task_id=self.task(task_id)["id"])

    def add_comment(self, task_id: str, body: str) -> Row:
        """Say something about a task."""
        task = self.task(task_id)
        made = {**self._born("com"), "project_id": task["project_id"], "task_id": task_id, "author": self._caller.user, "body": body}
        self._run(ADD_COMMENT, made)
        return self._shown("comments", made)

    def report(self, project_id: str | None) -> Row:
        """How many tasks are in which state, in the whole workspace or in one project."""
        project = self.project(project_id) if project_id else {"id": None, "url": self._url}
        row = self._db.execute(REPORT, {**self._bound, "project_id": project["id"], "today": self._time()[:10]}).fetchone()
        return {"project_id": project["id"], **dict(row), "url": f"{project['url']}/report"}

    def _write_task(self, task: Row) -> Row:
        done = task["status"] == "done"
        return self.task(self._run(CHANGE_TASK, task | {"completed_at": (task["completed_at"] or self._time()) if done else None}))

    def _must_be_member(self, ident: str | None) -> None:
        if ident is not None:
            self.member(ident)

    def _born(self, kind: str) -> dict[str, str]:
        return {"id": f"{kind}_{secrets.token_hex(6)}", "created_at": self._time()}

    def _time(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _run(self, statement: str, values: Mapping[str, object]) -> str:
        with self._db:
            self._db.execute(statement, {name: _plain(value) for name, value in {**values, **self._bound}.items()})
        return str(values["id"])

    def _one(self, table: str, statement: str, ident: str) -> Row:
        row = self._db.execute(statement, {**self._bound, "id": ident}).fetchone()
        if row is None:
            raise Missing
        return self._shown(table, dict(row))

    def _page(self, table: str, statement: str, query: Page, **more: object) -> Row:
        after_at, after_id = _read_cursor(query.cursor)
        values = {**structs.asdict(query), **more, **self._bound, "after_at": after_at, "after_id": after_id}
        rows = self._db.execute(statement, {name: _plain(value) for name, value in values.items()}).fetchall()
        items = [self._shown(table, dict(row)) for row in rows[: query.limit]]
        return {"items": items, "next_cursor": _cursor(items[-1]) if len(rows) > query.limit else None}

    def _shown(self, table: str, row: Row) -> Row:
        row.pop("tenant", None)
        return row | {"url": f"{self._url}/{table}/{row['id']}"}


def _given(change: Struct) -> Row:
    return {name: _plain(value) for name, value in structs.asdict(change).items() if value is not UNSET}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _cursor(last: Row) -> str:
    return urlsafe_b64encode(json.dumps([last["created_at"], last["id"]]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    try:
        at, ident = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as error:
        raise BadCursor from error
    return str(at), str(ident)

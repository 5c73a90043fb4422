"""Trackline's OpenAPI 3.1 document, kept by hand: what the API promises, in the words an agent will read.

Freehold turns every operation into a tool; nothing in it was written for Freehold."""

from collections.abc import Mapping

Node = Mapping[str, object]

ABOUT = """Projects, tasks, comments and members of one workspace. Lists come in pages: pass `next_cursor` back as `cursor` until it is
null. Dates are `YYYY-MM-DD`, times are UTC."""


def document(url: str) -> dict[str, object]:
    """The document of an API reached at the origin `url`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trackline", "version": "1.4.0", "summary": "Project tracking for small teams.", "description": ABOUT},
        "servers": [{"url": url}],
        "security": [{"serviceToken": []}],
        "tags": [{"name": name} for name in ("projects", "tasks", "comments", "members", "reports")],
        "paths": PATHS,
        "components": {
            "securitySchemes": {"serviceToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "parameters": PARAMETERS,
            "schemas": SCHEMAS,
            "responses": RESPONSES,
        },
    }


def schema(name: str) -> Node:
    """Refer to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str) -> Node:
    """Refer to a named parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def query(name: str, description: str, shape: Node) -> Node:
    """An optional query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": shape}


def json(shape: Node) -> Node:
    """Content that is JSON of this shape."""
    return {"application/json": {"schema": shape}}


def body(name: str) -> Node:
    """A required JSON body."""
    return {"required": True, "content": json(schema(name))}


def answers(status: str, description: str, name: str | None, *refusals: str) -> Node:
    """The good answer and the refusals an operation may give; any may answer 401."""
    good: Node = {"description": description} if name is None else {"description": description, "content": json(schema(name))}
    return {status: good} | {code: {"$ref": f"#/components/responses/{RESPONSE_NAMES[code]}"} for code in (*refusals, "401")}


RESPONSE_NAMES = {
    "400": "InvalidCursor",
    "401": "Unauthenticated",
    "404": "NotFound",
    "409": "ProjectArchived",
    "422": "Invalid",
}
RESPONSES: Node = {
    name: {"description": description, "content": json(schema("Error"))}
    for name, description in {
        "InvalidCursor": "The cursor is not one this list gave.",
        "Unauthenticated": "No service token, or not one made out to this API.",
        "NotFound": "There is nothing with that id in this workspace.",
        "ProjectArchived": "The project is archived and takes no new tasks.",
        "Invalid": "The request does not fit this document.",
    }.items()
}

ID: Node = {"type": "string", "maxLength": 40}
TIME: Node = {"type": "string", "format": "date-time"}
DATE: Node = {"type": "string", "format": "date"}
LINK: Node = {"type": "string", "format": "uri", "description": "Where a person can see it in the browser."}
COUNT: Node = {"type": "integer", "minimum": 0}
STATUS: Node = {"type": "string", "enum": ["todo", "in_progress", "blocked", "done"]}
PRIORITY: Node = {"type": "string", "enum": ["low", "normal", "high", "urgent"]}
PROJECT_STATUS: Node = {"type": "string", "enum": ["active", "paused", "archived"]}
TITLE: Node = {"type": "string", "minLength": 1, "maxLength": 200}
TEXT: Node = {"type": "string", "maxLength": 4000, "description": "Plain text or Markdown."}


def either(shape: Node, description: str) -> Node:
    """A value of this shape, or null."""
    return {**shape, "type": [shape["type"], "null"], "description": description}


ASSIGNEE = either(ID, "The member who is to do it, or null for nobody.")
DUE = either(DATE, "The day it should be done, or null.")


def thing(required: str, properties: Node) -> Node:
    """An object with these properties; `required` names the obligatory ones, separated by spaces."""
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


def page_of(name: str) -> Node:
    """A page of a list."""
    cursor = {"type": ["string", "null"], "description": "Pass it as `cursor` for the next page; null on the last one."}
    return thing("items next_cursor", {"items": {"type": "array", "items": schema(name)}, "next_cursor": cursor})


PARAMETERS: Node = {
    "Limit": query("limit", "How many to return at most.", {"type": "integer", "minimum": 1, "maximum": 50, "default": 20}),
    "Cursor": query("cursor", "The `next_cursor` of the page before; leave it out for the first page.", {"type": "string"}),
} | {
    f"{kind}Id": {"name": f"{kind.lower()}_id", "in": "path", "required": True, "description": f"Id of the {kind.lower()}.", "schema": ID}
    for kind in ("Project", "Task", "Member")
}
PAGE = [parameter("Limit"), parameter("Cursor")]

SCHEMAS: Node = {
    "Project": thing(
        "id name description status created_at url",
        {"id": ID, "name": TITLE, "description": TEXT, "status": PROJECT_STATUS, "created_at": TIME, "url": LINK},
    ),
    "NewProject": thing("name", {"name": TITLE, "description": TEXT}),
    "ProjectChange": thing("", {"name": TITLE, "description": TEXT, "status": PROJECT_STATUS}),
    "Task": thing(
        "id project_id title description status priority assignee_id due_on created_by created_at completed_at url",
        {
            "id": ID,
            "project_id": ID,
            "title": TITLE,
            "description": TEXT,
            "status": STATUS,
            "priority": PRIORITY,
            "assignee_id": ASSIGNEE,
            "due_on": DUE,
            "created_by": {"type": "string", "description": "The user who added it."},
            "created_at": TIME,
            "completed_at": either(TIME, "When it was done, or null."),
            "url": LINK,
        },
    ),
    "NewTask": thing(
        "project_id title",
        {
            "project_id": {**ID, "description": "The project to add it to; see listProjects."},
            "title": {**TITLE, "description": "What is to be done, in one line."},
            "description": TEXT,
            "priority": {**PRIORITY, "default": "normal"},
            "assignee_id": ASSIGNEE,
            "due_on": DUE,
        },
    ),
    "TaskChange": thing("", {"title": TITLE, "description": TEXT, "status": STATUS, "priority": PRIORITY, "due_on": DUE}),
    "Assignment": thing("assignee_id", {"assignee_id": ASSIGNEE}),
    "Comment": thing(
        "id project_id task_id author body created_at url",
        {"id": ID, "project_id": ID, "task_id": ID, "author": {"type": "string"}, "body": TEXT, "created_at": TIME, "url": LINK},
    ),
    "NewComment": thing("body", {"body": {**TEXT, "minLength": 1}}),
    "Member": thing(
        "id role initials access created_at url",
        {
            "id": ID,
            "role": {"type": "string", "description": "What the member does in the team."},
            "initials": {"type": "string"},
            "access": {"type": "string", "enum": ["owner", "member", "guest"]},
            "created_at": TIME,
            "url": LINK,
        },
    ),
    "Caller": thing(
        "user agent project_id url",
        {
            "user": {"type": "string", "description": "For whom this request is made."},
            "agent": {"type": "string", "description": "The AI client that makes it."},
            "project_id": either(ID, "The one project the caller may see, or null for the whole workspace."),
            "url": LINK,
        },
    ),
    "Report": thing(
        "project_id tasks todo in_progress blocked done overdue unassigned url",
        {"project_id": either(ID, "The project reported on, or null for the whole workspace.")}
        | dict.fromkeys(("tasks", "todo", "in_progress", "blocked", "done"), COUNT)
        | {"overdue": {**COUNT, "description": "Open tasks whose day has passed."}}
        | {"unassigned": {**COUNT, "description": "Open tasks that nobody has."}, "url": LINK},
    ),
    "Error": thing("error", {"error": thing("code message", {"code": {"type": "string"}, "message": {"type": "string"}})}),
    **{f"{name}Page": page_of(name) for name in ("Project", "Task", "Comment", "Member")},
}


def operation(ident: str, tag: str, words: tuple[str, str], responses: Node, **more: object) -> Node:
    """One operation; `words` are its summary and its description."""
    return {"operationId": ident, "tags": [tag], "summary": words[0], "description": words[1], **more, "responses": responses}


TASK_FILTERS = [
    query("project_id", "Only tasks of this project.", ID),
    query("status", "Only tasks in this state.", STATUS),
    query("priority", "Only tasks of this priority.", PRIORITY),
    query("assignee_id", "Only tasks this member is to do; see listMembers.", ID),
    query("due_before", "Only tasks due before this day.", DATE),
]
WORDS = {
    "name": "q",
    "in": "query",
    "required": True,
    "description": "Words to look for, as they stand in the text.",
    "schema": {"type": "string", "minLength": 2, "maxLength": 100},
}

PATHS: Node = {
    "/me": {
        "get": operation(
            "getMe",
            "members",
            ("Show who is calling", "The user and AI client this request is made for."),
            answers("200", "The caller.", "Caller"),
        ),
    },
    "/report": {
        "get": operation(
            "getReport",
            "reports",
            ("Summarise the workspace", "How many tasks there are in each state, how many are overdue and how many nobody has."),
            answers("200", "The numbers.", "Report"),
        ),
    },
    "/search": {
        "get": operation(
            "searchTasks",
            "tasks",
            ("Search tasks", "Tasks whose title, description or comments contain the words, in any letter case, oldest first."),
            answers("200", "A page of tasks.", "TaskPage", "400", "422"),
            parameters=[WORDS, *PAGE],
        ),
    },
    "/members": {
        "get": operation(
            "listMembers",
            "members",
            ("List members", "Everyone in the workspace, by role. Use a member's id to assign tasks."),
            answers("200", "A page of members.", "MemberPage", "400", "422"),
            parameters=PAGE,
        ),
    },
    "/members/{member_id}": {
        "parameters": [parameter("MemberId")],
        "get": operation("getMember", "members", ("Get a member", "One member by id."), answers("200", "The member.", "Member", "404")),
    },
    "/projects": {
        "get": operation(
            "listProjects",
            "projects",
            ("List projects", "Projects of the workspace, oldest first."),
            answers("200", "A page of projects.", "ProjectPage", "400", "422"),
            parameters=[query("status", "Only projects in this state.", PROJECT_STATUS), *PAGE],
        ),
        "post": operation(
            "createProject",
            "projects",
            ("Start a project", "A new, active project without tasks."),
            answers("201", "The new project.", "Project", "404", "422"),
            requestBody=body("NewProject"),
        ),
    },
    "/projects/{project_id}": {
        "parameters": [parameter("ProjectId")],
        "get": operation(
            "getProject", "projects", ("Get a project", "One project by id."), answers("200", "The project.", "Project", "404")
        ),
        "patch": operation(
            "updateProject",
            "projects",
            ("Change a project", "Rename, describe, pause, archive or reactivate it; what is left out stays."),
            answers("200", "The project as it is now.", "Project", "404", "422"),
            requestBody=body("ProjectChange"),
        ),
    },
    "/projects/{project_id}/report": {
        "parameters": [parameter("ProjectId")],
        "get": operation(
            "getProjectReport",
            "reports",
            ("Summarise a project", "The same numbers as getReport, for one project."),
            answers("200", "The numbers.", "Report", "404"),
        ),
    },
    "/tasks": {
        "get": operation(
            "listTasks",
            "tasks",
            ("List tasks", "Tasks that pass all the given filters, oldest first."),
            answers("200", "A page of tasks.", "TaskPage", "400", "422"),
            parameters=[*TASK_FILTERS, *PAGE],
        ),
        "post": operation(
            "createTask",
            "tasks",
            ("Add a task", "A new task in the state todo. The project must not be archived."),
            answers("201", "The new task.", "Task", "404", "409", "422"),
            requestBody=body("NewTask"),
        ),
    },
    "/tasks/{task_id}": {
        "parameters": [parameter("TaskId")],
        "get": operation("getTask", "tasks", ("Get a task", "One task by id."), answers("200", "The task.", "Task", "404")),
        "patch": operation(
            "updateTask",
            "tasks",
            ("Change a task", "What is left out stays; a due_on of null clears it. Use assignTask to change who does it."),
            answers("200", "The task as it is now.", "Task", "404", "422"),
            requestBody=body("TaskChange"),
        ),
        "delete": operation(
            "deleteTask",
            "tasks",
            ("Delete a task", "The task and its comments, for good. Prefer completeTask for work that is done."),
            answers("204", "It is gone.", None, "404"),
        ),
    },
    "/tasks/{task_id}/complete": {
        "parameters": [parameter("TaskId")],
        "post": operation(
            "completeTask", "tasks", ("Complete a task", "Set its state to done."), answers("200", "The task as it is now.", "Task", "404")
        ),
    },
    "/tasks/{task_id}/reopen": {
        "parameters": [parameter("TaskId")],
        "post": operation(
            "reopenTask", "tasks", ("Reopen a task", "Set its state back to todo."), answers("200", "The task as it is now.", "Task", "404")
        ),
    },
    "/tasks/{task_id}/assignee": {
        "parameters": [parameter("TaskId")],
        "put": operation(
            "assignTask",
            "tasks",
            ("Assign a task", "Give it to a member, or to nobody with null."),
            answers("200", "The task as it is now.", "Task", "404", "422"),
            requestBody=body("Assignment"),
        ),
    },
    "/tasks/{task_id}/comments": {
        "parameters": [parameter("TaskId")],
        "get": operation(
            "listComments",
            "comments",
            ("List comments", "What was said about a task, oldest first."),
            answers("200", "A page of comments.", "CommentPage", "400", "404", "422"),
            parameters=PAGE,
        ),
        "post": operation(
            "addComment",
            "comments",
            ("Comment on a task", "Say something about it, in the caller's name."),
            answers("201", "The comment.", "Comment", "404", "422"),
            requestBody=body("NewComment"),
        ),
    },
}

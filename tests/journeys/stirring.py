"""Python tools for servers that are restarted under load: one answers, one tells every listener, one asks before it answers."""

from freehold import Context, Freehold

app = Freehold("stirring")
_FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@app.tool(read_only=True)
async def echo(text: str) -> str:
    """Say it back."""
    return text


@app.tool(read_only=True)
async def stir(context: Context) -> str:
    """Say that the tools changed."""
    await context.tools_changed()
    return "stirred"


@app.tool(read_only=True)
async def greet(context: Context) -> str:
    """Ask for a name, then greet."""
    answer = await context.elicit("What is your name?", _FORM)
    return f"Hello, {answer.content['name']}!"


@app.tool(read_only=True)
async def recall(context: Context) -> str:
    """Ask the client's model."""
    answer = await context.sample([{"role": "user", "content": {"type": "text", "text": "Capital of France?"}}], max_tokens=9)
    return str(answer["content"]["text"])

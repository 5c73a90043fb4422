// One client, driven from outside: each line on stdin asks for one thing, each line on stdout says what came of it.
// What is the same for every JavaScript client stands here; what is handed in connects one of them.

import { createInterface } from "node:readline";

const PATIENCE = 15_000;

// Some clients say things on the console; stdout is for the conversation alone.
console.log = console.info = console.debug = console.error;

// What the server sends of its own accord, in order, and who waits for it.
export class Heard {
  messages = [];
  waiting = new Set();

  take(method, params) {
    this.messages.push({ method, params });
    for (const look of this.waiting) look();
  }

  until(method, count) {
    const found = () => this.messages.filter((message) => message.method === method).map((message) => message.params ?? {});
    return new Promise((resolve, reject) => {
      const over = (settle) => {
        this.waiting.delete(look);
        clearTimeout(timer);
        settle();
      };
      const look = () => found().length >= count && over(() => resolve(found()));
      const timer = setTimeout(() => over(() => reject(new Error(`${found().length} of ${count} ${method} came.`))), PATIENCE);
      this.waiting.add(look);
      look();
    });
  }
}

// `open({ url, token, era, answers }, heard)` gives { client, transport, version, call }.
export function converse(open) {
  const state = { heard: new Heard(), opened: null };
  const input = createInterface({ input: process.stdin });
  let turn = Promise.resolve();
  input.on("line", (line) => {
    const { id, deed, ...wanted } = JSON.parse(line);
    turn = turn.then(async () => {
      const answer = await deeds[deed](state, wanted, open).then((value) => ({ value: value ?? null }), fault);
      process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`);
    });
  });
  input.on("close", () => turn.then(() => process.exit(0)));
}

const deeds = {
  async connect(state, wanted, open) {
    state.heard = new Heard();
    state.opened = null;
    state.opened = await open(wanted, state.heard);
    const { client, version } = state.opened;
    return {
      version,
      server: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    };
  },
  async list({ opened: { client } }, { kind }) {
    if (kind === "tools") return (await client.listTools()).tools;
    if (kind === "prompts") return (await client.listPrompts()).prompts;
    if (kind === "templates") return (await client.listResourceTemplates()).resourceTemplates;
    return (await client.listResources()).resources;
  },
  async call({ opened, heard }, { name, arguments: given }) {
    const onprogress = (progress) => heard.take("notifications/progress", progress);
    return opened.call({ name, arguments: given }, { onprogress });
  },
  read: async ({ opened: { client } }, { uri }) => client.readResource({ uri }),
  prompt: async ({ opened: { client } }, { name, arguments: given }) => client.getPrompt({ name, arguments: given }),
  complete: async ({ opened: { client } }, { ref, argument }) => (await client.complete({ ref, argument })).completion.values,
  subscribe: async ({ opened: { client } }, { uri }) => client.subscribeResource({ uri }),
  listen: async ({ opened: { client } }, { wanted }) => (await client.listen(wanted)).honoredFilter,
  heard: async ({ heard }, { method, count }) => heard.until(method, count),
  async close({ opened }) {
    if (!opened) return;
    await opened.transport.terminateSession();
    await opened.client.close();
  },
};

function fault(error) {
  const { code = null, data = null, message, constructor } = error;
  return { error: { code, data, message: String(message), kind: constructor.name } };
}

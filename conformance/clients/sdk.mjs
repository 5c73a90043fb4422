// @modelcontextprotocol/sdk 1.x, which knows nothing newer than 2025-11-25.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import { converse } from "./conversation.mjs";

const QUESTIONS = {
  "elicitation/create": types.ElicitRequestSchema,
  "sampling/createMessage": types.CreateMessageRequestSchema,
  "roots/list": types.ListRootsRequestSchema,
};
const CHANGES = [
  types.ToolListChangedNotificationSchema,
  types.PromptListChangedNotificationSchema,
  types.ResourceListChangedNotificationSchema,
  types.ResourceUpdatedNotificationSchema,
  types.LoggingMessageNotificationSchema,
];

async function open({ url, token, answers }, heard) {
  const capabilities = answers ? { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} } : {};
  const client = new Client({ name: "sdk-1", version: "1" }, { capabilities });
  for (const [method, answer] of Object.entries(answers ?? {})) {
    client.setRequestHandler(QUESTIONS[method], async (request) => {
      heard.take(method, request.params);
      return answer;
    });
  }
  for (const schema of CHANGES) {
    client.setNotificationHandler(schema, (notification) => heard.take(notification.method, notification.params));
  }
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
  await client.connect(transport);
  const call = (params, options) => client.callTool(params, types.CallToolResultSchema, options);
  return { client, transport, call, version: transport.protocolVersion };
}

converse(open);

// @modelcontextprotocol/client 2.x, in either era.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { converse } from "./conversation.mjs";

const CHANGES = ["tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated", "message"];

async function open({ url, token, era, answers }, heard) {
  const client = new Client(
    { name: "client-2", version: "1" },
    {
      capabilities: answers ? { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} } : {},
      versionNegotiation: { mode: era === "modern" ? { pin: "2026-07-28" } : "legacy" },
      defaultCacheTtlMs: 0,
    },
  );
  for (const [method, answer] of Object.entries(answers ?? {})) {
    client.setRequestHandler(method, async (request) => {
      heard.take(method, request.params);
      return answer;
    });
  }
  for (const change of CHANGES) {
    const method = `notifications/${change}`;
    client.setNotificationHandler(method, (notification) => heard.take(method, notification.params));
  }
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
  await client.connect(transport);
  const call = (params, options) => client.callTool(params, options);
  return { client, transport, call, version: client.getNegotiatedProtocolVersion() };
}

converse(open);

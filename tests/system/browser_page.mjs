// What a web app does from an origin of its own: logs in, asks, changes, and reads a reply as it
// comes. Tells its origin, at /told, what the browser let it do.
const { server, login, session } = await (await fetch("/plan")).json();

async function attempt(action) {
  try {
    return await action();
  } catch (fault) {
    return `refused: ${fault.name}`;
  }
}

async function ask(method, path, body, headers = {}) {
  const answer = await fetch(server + path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, etag: answer.headers.get("ETag"),
           request: answer.headers.get("X-Request-Id"), body: await answer.json() };
}

async function readReply(caller) {
  const answer = await fetch(server + "/api/chat/stream", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...caller },
    body: JSON.stringify({ sessionId: session, content: "Hi" }),
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return [...text.matchAll(/^event: (\S+)/gm)].map((found) => found[1]);
    text += value;
  }
}

const told = {};
told.login = await attempt(async () => (await ask("POST", "/api/auth/login", login)).body);
const caller = { Authorization: `Bearer ${told.login.accessToken}` };
const own = `/api/sessions/${session}`;
told.before = await attempt(() => ask("GET", own, null, caller));
told.changed = await attempt(() =>
  ask("PATCH", own, { title: "From a page" }, { ...caller, "If-Match": told.before.etag }));
told.events = await attempt(() => readReply(caller));
// Whether it is shown only the browser's console says.
await new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = resolve;
  frame.src = server + "/docs";
  document.body.append(frame);
});
await fetch("/told", { method: "POST", body: JSON.stringify(told) });

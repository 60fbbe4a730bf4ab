#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model's API that answers with a script of tool calls, in the four protocols that coding agents speak: Anthropic's
messages, OpenAI's responses and chat completions, Google's generateContent. No model is asked: what an agent does with
the calls is real, what it was told to do is ours."""
import http.server
import json
import socketserver
import threading

SHELL = {"Bash": "command", "bash": "command", "shell": "command", "exec_command": "cmd", "shell_command": "command", "run_shell_command": "command",
         "run_commands": "commands", "execute": "code"}


class Script:
    """One shell command, then a last word. What came back of the command is kept."""

    def __init__(self, command):
        self.command = command
        self.results = []
        self.asked = []
        self.lock = threading.Lock()

    def arguments(self, tool):
        if tool == "execute":
            return {"language": "shell", "code": self.command}
        about = {"description": "what was asked"} if tool in ("Bash", "bash", "run_shell_command", "shell") else {}
        return {SHELL[tool]: [self.command] if tool == "run_commands" else self.command, **about}

    def next(self, tools, results):
        """The name of the tool to call, or None for the end."""
        with self.lock:
            self.asked.append(tools)
            if results:
                self.results = results
                return None
        return next((t for t in tools if t in SHELL), None)


def text_of(v):
    return v if isinstance(v, str) else json.dumps(v)


def messages(q, s):
    """Anthropic: POST /v1/messages."""
    tools = [t.get("name") for t in q.get("tools", [])]
    done = [text_of(c.get("content")) for m in q.get("messages", []) if isinstance(m["content"], list)
            for c in m["content"] if c.get("type") == "tool_result"]
    tool = s.next(tools, done)
    block = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": s.arguments(tool)} if tool else {"type": "text", "text": "all done"}
    stop = "tool_use" if tool else "end_turn"
    msg = {"id": "msg_1", "type": "message", "role": "assistant", "model": q.get("model", ""), "content": [block], "stop_reason": stop,
           "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    if not q.get("stream"):
        return msg, None
    if tool:
        start, delta = dict(block, input={}), {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    else:
        start, delta = dict(block, text=""), {"type": "text_delta", "text": block["text"]}
    events = [{"type": "message_start", "message": dict(msg, content=[], stop_reason=None)},
              {"type": "content_block_start", "index": 0, "content_block": start},
              {"type": "content_block_delta", "index": 0, "delta": delta}, {"type": "content_block_stop", "index": 0},
              {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}},
              {"type": "message_stop"}]
    return None, "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)


def responses(q, s):
    """OpenAI: POST /v1/responses."""
    done = [text_of(i.get("output")) for i in q.get("input", []) if isinstance(i, dict) and i.get("type", "").endswith("_call_output")]
    tool = s.next([t.get("name") or t.get("type") for t in q.get("tools", [])], done)
    if tool:
        item = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": tool, "arguments": json.dumps(s.arguments(tool))}
    else:
        item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "all done", "annotations": []}]}
    usage = {"input_tokens": 1, "input_tokens_details": None, "output_tokens": 1, "output_tokens_details": None, "total_tokens": 2}
    events = [{"type": "response.created", "response": {"id": "r1"}}, {"type": "response.output_item.added", "output_index": 0, "item": item},
              {"type": "response.output_item.done", "output_index": 0, "item": item},
              {"type": "response.completed", "response": {"id": "r1", "usage": usage}}]
    return None, "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)


def by_text(q, s):
    """An agent that offers no tools (aider) writes what stands in the text, and says what its tests printed."""
    ran = [text_of(m.get("content")) for m in q.get("messages", []) if m.get("role") == "user" and "got this output" in text_of(m.get("content"))]
    s.next([], ran)
    return "all done" if ran else f"by-agent.txt\n```\n<<<<<<< SEARCH\n=======\n{s.command}; exit 1\n>>>>>>> REPLACE\n```\n"


def completions(q, s):
    """OpenAI: POST /v1/chat/completions."""
    done = [text_of(m.get("content")) for m in q.get("messages", []) if m.get("role") == "tool"]
    tool = s.next([t.get("function", t).get("name") for t in q.get("tools", [])], done) if q.get("tools") else None
    call = [{"index": 0, "id": "c1", "type": "function", "function": {"name": tool, "arguments": json.dumps(s.arguments(tool))}}] if tool else None
    word = {"role": "assistant", "content": None if tool else "all done" if q.get("tools") else by_text(q, s)}
    if call:
        word["tool_calls"] = call
    stop = "tool_calls" if tool else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    base = {"id": "x", "created": 1, "model": q.get("model", "")}
    if not q.get("stream"):
        return dict(base, object="chat.completion", choices=[{"index": 0, "message": word, "finish_reason": stop}], usage=usage), None
    chunks = [dict(base, object="chat.completion.chunk", choices=[{"index": 0, "delta": word, "finish_reason": None}]),
              dict(base, object="chat.completion.chunk", choices=[{"index": 0, "delta": {}, "finish_reason": stop}], usage=usage)]
    return None, "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n"


def generate(q, s, stream):
    """Google: POST /v1beta/models/NAME:generateContent, :streamGenerateContent."""
    tools = [f["name"] for t in q.get("tools", []) for f in t.get("functionDeclarations", [])]
    done = [text_of(p["functionResponse"].get("response")) for c in q.get("contents", []) for p in c.get("parts", []) if "functionResponse" in p]
    tool = s.next(tools, done)
    part = {"functionCall": {"name": tool, "args": s.arguments(tool)}} if tool else {"text": "all done"}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "x"}
    return (None, f"data: {json.dumps(answer)}\n\n") if stream else (answer, None)


def answer(path, q, s):
    path = path.split("?")[0]
    if path.endswith("/messages"):
        return messages(q, s)
    if path.endswith("/responses"):
        return responses(q, s)
    if path.endswith("/chat/completions"):
        return completions(q, s)
    if path.endswith(":generateContent") or path.endswith(":streamGenerateContent"):
        return generate(q, s, "stream" in path)
    return {"totalTokens": 1, "input_tokens": 1}, None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def send(self, body, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.send(b'{"data": [], "models": []}', "application/json")

    do_HEAD = do_GET

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            q = json.loads(raw)
        except ValueError:
            q = {}
        whole, stream = answer(self.path, q if isinstance(q, dict) else {}, self.server.script)
        if stream is not None:
            self.send(stream.encode(), "text/event-stream")
        else:
            self.send(json.dumps(whole).encode(), "application/json")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        """Not HTTPServer's, which looks its own name up."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""


def serve(command):
    """A server on a free port of loopback, with its script: server.server_port, server.script."""
    server = Server(("127.0.0.1", 0), Handler)
    server.script = Script(command)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

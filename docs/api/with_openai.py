# pip install openai
#
#   PARLEY_SERVER=http://127.0.0.1:8080 PARLEY_TOKEN=sk-ply-… python3 with_openai.py
import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("PARLEY_SERVER", "http://127.0.0.1:8080") + "/v1",
                api_key=os.environ["PARLEY_TOKEN"])
stream = client.chat.completions.create(
    model=os.environ.get("MODEL", "demo"),
    messages=[{"role": "user", "content": "Hello!"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

// "Verify the log" without leaving the page: reads the vault's lines of progress as they come.

const section = document.querySelector(".verify");
const form = section.querySelector("form");
const bar = section.querySelector("progress");
const verdict = section.querySelector(".verdict");

const say = (kind, text) => {
  verdict.hidden = false;
  verdict.dataset.kind = kind;
  verdict.textContent = text;
};

const take = (line) => {
  const news = JSON.parse(line);
  if (news.kind === undefined) {
    if (news.expected > 0) bar.value = news.done / news.expected;
    return;
  }
  bar.hidden = true;
  say(news.kind, news.text);
};

const run = async () => {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { accept: "application/x-ndjson" },
    redirect: "error",
  });
  if (response.status === 429) {
    bar.hidden = true;
    say("unknown", section.dataset.busy);
    return;
  }
  if (!response.ok) throw new Error(String(response.status));
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    lines.forEach(take);
  }
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  bar.removeAttribute("value"); // unknown until the first news
  bar.hidden = false;
  verdict.hidden = true;
  try {
    await run();
  } catch {
    bar.hidden = true;
    say("bad", section.dataset.away);
  } finally {
    button.disabled = false;
  }
});

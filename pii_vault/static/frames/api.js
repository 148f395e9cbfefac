// The frame's own API. Every answer is one of: {ok, body}, {ok: false, status, code, errors, body}.
// A vault that is away, too slow or broken is status 503, whatever it said.

const TIME_LIMIT_MS = 15000;
const AWAY = { ok: false, status: 503, code: "unavailable", errors: [] };

export const call = async (verb, body, headers = {}) => {
  try {
    const response = await fetch(`/frames/api/${verb}`, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
    if (response.status >= 500) return AWAY;
    const content = await response.json();
    if (response.ok) return { ok: true, body: content };
    return { ok: false, status: response.status, code: content.code, errors: content.errors ?? [] };
  } catch {
    return AWAY;
  }
};

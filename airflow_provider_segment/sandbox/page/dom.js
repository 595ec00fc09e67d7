// Small helpers. Text is only ever set as text: whatever an event is named, it is shown and never run.
export const $ = (id) => document.getElementById(id);

/** An element with properties and children; a property with a dash is an attribute. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Ask one of the sandbox's own endpoints. Throws an Error with its message. */
export async function ask(path, method = "GET", body = undefined) {
  let answer;
  try {
    answer = await fetch(`/_sandbox/${path}`, { method, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The sandbox does not answer: it may have been stopped.");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

/** Do something, and show on the page if it fails. */
export async function attempt(work) {
  try {
    await work();
    $("problem").hidden = true;
  } catch (problem) {
    $("problem").textContent = problem.message;
    $("problem").hidden = false;
  }
}

async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = element("textarea", { value: text }); // by a name other than localhost there is no clipboard
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** A button that copies a text. */
export function copyButton(text, label = "Copy") {
  const button = element("button", { type: "button", className: "copy", textContent: label, title: `Copy ${text.slice(0, 80)}` });
  button.addEventListener("click", (clicked) => {
    clicked.preventDefault();
    attempt(async () => {
      await toClipboard(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), 1500);
    });
  });
  return button;
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A value as indented JSON with colours. */
export function json(value) {
  const text = JSON.stringify(value, null, 2);
  const block = element("pre", { className: "json", tabIndex: 0 });
  let end = 0;
  for (const token of text.matchAll(TOKEN)) {
    const [whole, string, colon] = token;
    block.append(text.slice(end, token.index));
    const kind = colon ? "key" : string ? "string" : "value";
    block.append(element("span", { className: kind, textContent: string ?? whole }), colon ?? "");
    end = token.index + whole.length;
  }
  block.append(text.slice(end));
  return block;
}

export const link = (kind, id) => `#/${kind}/${encodeURIComponent(id)}`;
export const number = (count) => count.toLocaleString("en");
export const clockTime = (iso) => iso.slice(11, 23);

/** What a form holds, without the empty fields. */
export const filled = (form) => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));

/** Names and values, as a definition list. */
export function facts(pairs) {
  return element("dl", { className: "facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) =>
      [element("dt", { textContent: name }), element("dd", {}, value)]));
}

/** Show other rows in a list; a row that has the focus keeps it. */
export function showRows(list, rows) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  list.replaceChildren(...rows.map((row) => (row.tagName === "LI" ? row : element("li", {}, row))));
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** The head of a detail, with a button that closes it. */
export function detailHead(title, back, ...more) {
  return element("header", {}, element("h2", { textContent: title }), ...more,
    element("a", { className: "close", href: back, textContent: "×", title: "Close (Esc)", "aria-label": "Close" }));
}

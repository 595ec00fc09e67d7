// Requests: to which API, with which status, and whether a fault hit it.
import { $, ask, clockTime, copyButton, detailHead, element, facts, filled, json, link, number, showRows } from "./dom.js";

const form = $("request-filters");
const SHOWN = 100;

/** The address of the list with its filters. */
export const address = () => `#/requests${new URLSearchParams(filled(form)).size ? `?${new URLSearchParams(filled(form))}` : ""}`;

export function setFilters(parameters) {
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = parameters.get(field.name) === field.value;
    else if (field.name) field.value = parameters.get(field.name) ?? "";
  }
}

const status = (record) => element("span", {
  className: `badge ${record.status && record.status < 400 ? "good" : "bad"}`,
  textContent: record.status ?? "reset",
});

function row(record) {
  const made = element("a", { className: "row request", href: link("request", record.requestId) },
    element("time", { textContent: clockTime(record.receivedAt), title: record.receivedAt, dateTime: record.receivedAt }),
    status(record), element("span", { className: "method", textContent: record.method }),
    element("b", { textContent: record.path + (record.query ? `?${record.query}` : "") }),
    element("span", { className: "user", textContent: record.events ? `${number(record.events)} ${record.events === 1 ? "event" : "events"}` : "" }),
    element("span", { className: "source", textContent: record.fault ? `fault: ${record.fault}` : record.api }));
  made.dataset.key = record.requestId;
  if (record.requestId === opened) made.setAttribute("aria-current", "true");
  return made;
}

let opened = null;

export async function refresh() {
  const found = await ask(`requests?${new URLSearchParams({ ...filled(form), newest: true, limit: SHOWN })}`);
  $("requests-found").textContent = `${number(found.total)} ${found.total === 1 ? "request" : "requests"}${found.total > SHOWN ? `, the newest ${SHOWN} of which are shown` : ""}`;
  const rows = found.items.map(row);
  if (!rows.length) rows.push(element("li", { className: "empty", textContent: "No requests." }));
  showRows($("request-list"), rows);
}

/** Show a request; with null close it. */
export async function open(id) {
  opened = id;
  const detail = $("request");
  for (const each of $("request-list").querySelectorAll("a.row")) {
    if (each.dataset.key === id) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  detail.hidden = id === null;
  if (id === null) return;
  const [record] = (await ask(`requests?${new URLSearchParams({ id })}`)).items;
  if (opened !== id) return;
  if (!record) {
    detail.replaceChildren(detailHead("No such request", address()), element("p", { textContent: `No request with the id ${id} is kept.` }));
    return;
  }
  detail.replaceChildren(
    detailHead(`${record.method} ${record.path}`, address(), status(record)),
    facts([
      ["Fault", record.fault], ["Received", record.receivedAt], ["API", record.api],
      ["Events", record.events ? number(record.events) : ""], ["Bytes", number(record.bytes)],
      ["Id", [element("code", { textContent: record.requestId }), " ", copyButton(record.requestId)]],
    ]),
    element("h3", { textContent: "The record" }), json(record));
}

export function start(changed) {
  form.addEventListener("submit", (submitted) => submitted.preventDefault());
  form.addEventListener("input", () => {
    history.replaceState(null, "", address());
    changed();
  });
}

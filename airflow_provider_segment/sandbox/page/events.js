// Events: a list that follows what comes, with filters, counts, a chart, and one of them opened.
import { $, ask, clockTime, copyButton, detailHead, element, facts, filled, json, link, number, showRows } from "./dom.js";

const MARKED = 2000; // ms that a new event is marked
const STORY = 4; // of the times that an event came, so many are shown at once
const form = $("filters");
let before = ""; // where the shown part begins; empty: with the newest
let older = null;
let shownKeys = null; // of the rows that were shown last, to mark new ones
let opened = null;

const query = () => new URLSearchParams(filled(form)).toString();

/** The address of the list with its filters. */
export const address = () => `#/events${query() ? `?${query()}` : ""}`;

/** Take the filters of an address. */
export function setFilters(parameters) {
  const wanted = new URLSearchParams(parameters).toString();
  if (wanted === query()) return;
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = parameters.get(field.name) ?? "";
    if (field.tagName === "SELECT" && value && ![...field.options].some((each) => each.value === value)) {
      field.append(new Option(value));
    }
    field.value = value;
  }
  fromTheNewest();
}

function fromTheNewest() {
  before = "";
  shownKeys = null;
}

const badge = (outcome) => element("span", {
  className: `badge ${outcome === "accepted" ? "good" : outcome === "duplicate" ? "same" : "bad"}`,
  textContent: outcome.replaceAll("_", " "),
});

const TYPES = ["track", "identify", "page", "screen", "group", "alias"];
const typeOf = (type) => element("span", { className: `type ${TYPES.includes(type) ? type : ""}`, textContent: type || "?" });

function row(item, sources) {
  const key = `${item.outcome} ${item.messageId} ${item.receivedAt}`;
  const made = element("a", { className: "row event", href: link("event", item.messageId) },
    element("time", { textContent: clockTime(item.receivedAt), title: item.receivedAt, dateTime: item.receivedAt }),
    item.outcome === "duplicate" && !item.type ? element("span", { className: "type", textContent: "—" }) : typeOf(item.type),
    element("b", { textContent: item.name || item.user || (item.outcome === "duplicate" ? `again: ${item.messageId}` : "—") }),
    element("span", { className: "user", textContent: item.name ? item.user : "" }),
    element("span", { className: "source", textContent: sources.get(item.source) ?? item.source ?? "no source" }),
    badge(item.outcome));
  made.dataset.key = key;
  if (shownKeys && !shownKeys.has(key)) made.classList.add("new");
  if (item.messageId === opened) made.setAttribute("aria-current", "true");
  return made;
}

function showChart(chart) {
  $("chart").hidden = !chart;
  if (!chart) return;
  const { accepted, dropped, seconds, from } = chart;
  const most = Math.max(1, ...accepted.map((count, bar) => count + dropped[bar]));
  const width = 600 / accepted.length;
  const start = Date.parse(from);
  const at = (bar) => new Date(start + bar * seconds * 1000).toISOString().replace("T", " ").slice(0, 19);
  const bars = accepted.flatMap((good, bar) => {
    const bad = dropped[bar];
    if (!good && !bad) return [];
    const heights = [[good, "good", 0], [bad, "bad", (100 * good) / most]];
    const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
    for (const [count, name, below] of heights) {
      if (!count) continue;
      const height = Math.max((100 * count) / most, 2);
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      Object.entries({ x: bar * width + 0.75, width: width - 1.5, y: Math.max(100 - below - height, 0), height, class: name })
        .forEach(([attribute, value]) => rect.setAttribute(attribute, value));
      group.append(rect);
    }
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${at(bar)}: ${number(good)} accepted, ${number(bad)} dropped`;
    group.append(title);
    return [group];
  });
  const svg = $("chart").querySelector("svg");
  svg.replaceChildren(...bars);
  const total = [...accepted, ...dropped].reduce((sum, count) => sum + count, 0);
  svg.setAttribute("aria-label", `${number(total)} events from ${at(0)} to ${at(accepted.length)}`);
  const [left, right] = $("chart").querySelectorAll("figcaption span");
  left.textContent = at(0);
  right.textContent = `${number(most)} at most in ${seconds < 90 ? `${+seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`} · ${at(accepted.length)} UTC`;
}

function showCounts(counts) {
  const most = Math.max(1, ...counts.map(({ accepted, dropped }) => accepted + dropped));
  $("counts").replaceChildren(...counts.map(({ type, name, accepted, dropped }) => {
    const bar = element("i");
    bar.style.width = `${(100 * (accepted + dropped)) / most}%`;
    const wanted = new URLSearchParams({ ...filled(form), ...(type && { type }), ...(name && { event: name }) });
    return element("li", {}, element("a", { href: `#/events?${wanted}`, title: `${number(accepted)} accepted, ${number(dropped)} dropped` },
      typeOf(type), element("span", { textContent: name || "—" }), element("em", { textContent: number(accepted + dropped) }), bar));
  }));
  const known = counts.map(({ name }) => name).filter(Boolean);
  $("names").replaceChildren(...[...new Set(known)].map((name) => new Option(name)));
}

const EMPTY = "Events appear here as they come. How to send one is under Connect.";

function showFound(found) {
  const filtered = query() !== "";
  const all = `${number(found.total)} ${found.total === 1 ? "event" : "events"}`;
  const searched = found.older || before ? ` in the ${before ? "next" : "newest"} ${number(found.searched)}` : "";
  const parts = [filtered ? `${number(found.found)} found${searched}, of ${all}` : all];
  if (found.forgotten) parts.push(`the oldest ${number(found.forgotten)} are forgotten, but counted`);
  $("found").textContent = parts.join("; ");
  older = found.older;
  $("older").hidden = !older;
  $("newest").hidden = !before;
}

/** Ask for the list again, and show it. */
export async function refresh(sources) {
  const asked = query();
  const found = await ask(`events?${new URLSearchParams({ ...filled(form), limit: 100, before })}`);
  if (asked !== query()) return; // a filter was changed meanwhile
  showFound(found);
  showChart(found.chart);
  showCounts(found.counts);
  const rows = found.items.map((item) => row(item, sources));
  if (!rows.length) rows.push(element("li", { className: "empty", textContent: query() ? "Nothing fits these filters here." : EMPTY }));
  showRows($("list"), rows);
  // No animation: it would take a core from the sandbox and from those who send.
  setTimeout(() => rows.forEach((each) => each.classList.remove("new")), MARKED);
  shownKeys = new Set(rows.map((each) => each.dataset.key));
}

/** Show what became of the events with an id; with null close it. */
export async function open(messageId, sources) {
  opened = messageId;
  const detail = $("event");
  for (const each of $("list").querySelectorAll("a.row")) {
    if (messageId !== null && each.getAttribute("href") === link("event", messageId)) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  detail.hidden = messageId === null;
  if (messageId === null) return;
  let found;
  try {
    found = await ask(`event?${new URLSearchParams({ message_id: messageId })}`);
  } catch (problem) {
    detail.replaceChildren(detailHead("No such event", address()), element("p", { textContent: problem.message }));
    return;
  }
  if (opened !== messageId) return;
  const first = found.items.find(({ outcome }) => outcome === "accepted") ?? found.items.find(({ event }) => event) ?? found.items[0];
  const story = found.items.map((item) => element("li", {},
    badge(item.outcome), " ", element("time", { textContent: item.receivedAt, dateTime: item.receivedAt }),
    item.because ? element("p", { textContent: item.because }) : null,
    item.request ? element("p", {}, "In ", element("a", { href: link("request", item.request.requestId), textContent: `${item.request.method} ${item.request.path}` }),
      `, answered ${item.request.status ?? "with a reset"}${item.request.fault ? `, fault: ${item.request.fault}` : ""}`) : null));
  if (found.total > found.items.length) story.push(element("li", { textContent: `and ${number(found.total - found.items.length)} more` }));
  const later = story.splice(STORY);
  detail.replaceChildren(
    detailHead(first.name || first.type || messageId || "An event", address(), badge(first.outcome)),
    facts([
      ["messageId", messageId && [element("code", { textContent: messageId }), " ", copyButton(messageId)]],
      ["Type", first.type],
      ["User", first.user && element("a", { href: `#/events?${new URLSearchParams({ user: first.user })}`, textContent: first.user })],
      ["Source", first.source && element("a", { href: link("source", first.source), textContent: sources.get(first.source) ?? first.source })],
    ]),
    element("h3", { textContent: "What became of it" }), element("ol", { className: "story" }, story),
    later.length ? element("details", {}, element("summary", { textContent: `${number(later.length)} more` }), element("ol", { className: "story" }, later)) : "",
    ...found.items.filter(({ event }) => event).flatMap(({ event }, index) => [
      element("h3", {}, index ? "Another with this id " : "The event ", copyButton(JSON.stringify(event, null, 2), "Copy JSON")), json(event)]));
}

let offered = "";

/** Offer these sources. Only if they changed: the list may be open. */
export function setSources(sources) {
  const now = JSON.stringify([...sources]);
  if (now === offered) return;
  offered = now;
  const field = form.elements.source;
  const value = field.value;
  field.replaceChildren(new Option("Any", ""), ...[...sources].map(([id, name]) => new Option(name, id)));
  if (value && !sources.has(value)) field.append(new Option(value));
  field.value = value;
}

/** @param changed is called after the user changed what is to be shown */
export function start(changed) {
  const filter = () => {
    fromTheNewest();
    history.replaceState(null, "", address());
    changed();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (submitted) => submitted.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  $("older").addEventListener("click", () => {
    before = older;
    shownKeys = null;
    changed();
  });
  $("newest").addEventListener("click", () => {
    fromTheNewest();
    changed();
  });
}

/** Whether newer events are left out, because the user looks at older ones. */
export const isPaused = () => before !== "";

// The sandbox's page. The part after # says what is shown, so that each event, request and part of the workspace
// has an address. It asks for the counts every second, and for the rest when they have changed.
import * as controls from "./controls.js";
import { $, ask, attempt, element, number } from "./dom.js";
import * as events from "./events.js";
import * as requests from "./requests.js";
import * as workspace from "./workspace.js";

const SECOND = 1000;
const VIEWS = ["events", "requests", "workspace", "controls", "code"];

let view = "";
let overview = null;
let sources = new Map();
let shown = ""; // the counts that the view was made of

/** The view and what is opened in it, from the address. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [kind, ...rest] = path.split("/");
  const parameters = new URLSearchParams(query);
  let id = rest.join("/");
  try {
    id = decodeURIComponent(id);
  } catch { /* it is not encoded: taken as it is */ }
  if (kind === "event") return { view: "events", id };
  if (kind === "rejects") return { view: "events", parameters: new URLSearchParams({ outcome: "rejected" }) };
  if (kind === "request") return { view: "requests", id };
  if (workspace.KINDS.includes(kind)) return { view: "workspace", kind, id };
  return { view: VIEWS.includes(kind) ? kind : "events", parameters };
}

async function go() {
  const there = place();
  view = there.view;
  for (const name of VIEWS) $(name).hidden = name !== view;
  for (const tab of document.querySelectorAll("nav a")) {
    if (tab.hash.slice(2) === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (view === "events" && there.parameters) events.setFilters(there.parameters);
  if (view === "requests" && there.parameters) requests.setFilters(there.parameters);
  shown = "";
  await refresh();
  if (view === "events") await events.open(there.id ?? null, sources);
  if (view === "requests") await requests.open(there.id ?? null);
  if (view === "workspace") await workspace.open(there.kind ?? null, there.id);
  if (view === "controls") await controls.opened();
  if (view === "code") await controls.showCode();
  const detail = document.querySelector(`#${view} .detail`);
  $(view).classList.toggle("opened", detail !== null && !detail.hidden);
}

function showTotals() {
  const rejected = Object.entries(overview.dropped).reduce((sum, [reason, count]) => sum + (reason === "duplicate" ? 0 : count), 0);
  const faults = overview.faults.filter(({ next, hits }) => next === null || hits < next).length;
  const total = (count, name, href, className = "") =>
    element("a", { href, className }, element("strong", { textContent: number(count) }), ` ${name}`);
  $("totals").replaceChildren(
    total(overview.accepted, "accepted", "#/events?outcome=accepted", "good"),
    total(overview.duplicates, "duplicates", "#/events?outcome=duplicate"),
    total(rejected, "rejected", "#/rejects", rejected ? "bad" : ""),
    total(overview.requests, "requests", "#/requests"),
    total(faults, faults === 1 ? "fault in force" : "faults in force", "#/controls", faults ? "warn" : ""),
    element("span", { className: "region", textContent: overview.region.toUpperCase(), title: "Region" }));
}

const withoutTime = ({ now, ...rest }) => JSON.stringify(rest);

async function refresh() {
  overview = await ask("overview");
  $("now").textContent = `${overview.now.slice(0, 19).replace("T", " ")}${overview.frozen ? " (frozen)" : ""}`;
  controls.refresh(overview);
  const counts = withoutTime(overview);
  if (counts === shown) return;
  sources = await workspace.sources();
  events.setSources(sources);
  showTotals();
  if (view === "events") await events.refresh(sources);
  if (view === "requests") await requests.refresh();
  if (view === "workspace") await workspace.refresh();
  shown = counts;
}

const again = () => attempt(async () => {
  shown = "";
  await refresh();
});

function move(step) {
  const rows = [...document.querySelectorAll(`#${view} a.row`)].filter((row) => row.checkVisibility());
  const current = rows.findIndex((row) => row === document.activeElement);
  const open = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const from = current >= 0 ? current : open;
  const next = rows[from < 0 ? 0 : Math.min(Math.max(from + step, 0), rows.length - 1)];
  next?.focus();
  if (open >= 0 && next) location.replace(next.href);
}

document.addEventListener("keydown", (pressed) => {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || document.querySelector("dialog[open]")) return;
  const inField = pressed.target.closest("input, select, textarea");
  if (pressed.key === "Escape") {
    if (inField) pressed.target.blur();
    else document.querySelector(`#${view} .detail:not([hidden]) .close`)?.click();
    return;
  }
  if (inField) return;
  if (pressed.key === "/") {
    pressed.preventDefault();
    document.querySelector(`#${view} input[type=search]`)?.focus();
  } else if (pressed.key === "?") $("keys").showModal();
  else if (pressed.key === "j") move(1);
  else if (pressed.key === "k") move(-1);
  else if (VIEWS[Number(pressed.key) - 1]) location.hash = `#/${VIEWS[Number(pressed.key) - 1]}`;
});

$("help").addEventListener("click", () => $("keys").showModal());
window.addEventListener("hashchange", () => attempt(go));
events.start(again);
requests.start(again);
workspace.start(again);
controls.start(again);

let failed = false; // the last time; what the user did wrong stays on the page until it is put right

async function live() {
  if (!document.hidden) {
    try {
      await refresh();
      if (failed) $("problem").hidden = true;
      failed = false;
    } catch (problem) {
      failed = true;
      shown = "";
      $("problem").textContent = problem.message;
      $("problem").hidden = false;
    }
    const paused = view === "events" && events.isPaused();
    $("live").textContent = failed ? "Stopped" : paused ? "Older events" : "Live";
    $("live").classList.toggle("off", failed || paused);
  }
  setTimeout(live, SECOND);
}

if (matchMedia("(max-width: 760px)").matches) document.querySelector(".counts").open = false;
await attempt(go);
live();

// Buttons: faults, the clock, syncs, a reset. And code to copy.
import { $, ask, attempt, copyButton, element, number } from "./dom.js";

/** What a form holds, as its endpoint takes it: numbers as numbers, fields of other kinds left out. */
function fields(form) {
  const given = {};
  for (const field of form.elements) {
    if (!field.name || field.closest("[hidden]") || field.tagName === "BUTTON") continue;
    if (field.type === "checkbox") {
      if (field.checked) given[field.name] = true;
    } else if (field.value !== "") given[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  return given;
}

/** Show only the fields of the chosen kind. */
function followKind(form) {
  const show = () => {
    for (const label of form.querySelectorAll("[data-of]")) label.hidden = label.dataset.of !== form.elements.kind.value;
  };
  form.elements.kind.addEventListener("input", show);
  show();
}

function told(about, used) {
  const { kind, given_at, used: _, seen, hits, ...others } = about;
  const set = Object.entries(others).filter(([name, value]) => value !== null && value !== "" && value !== false && !(name === "path" && value === "/")
    && !(name === "rate" && value === 1) && !(Array.isArray(value) && !value.length) && !(typeof value === "object" && !Object.keys(value).length));
  return element("li", {}, element("b", { textContent: kind.replaceAll("_", " ") }), ` ${set.map(([name, value]) =>
    `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")} `, element("em", { textContent: used }));
}

let isFrozen = false;

export function refresh(overview) {
  isFrozen = overview.frozen;
  $("freeze").textContent = isFrozen ? "Let it run" : "Freeze it";
  $("faults").replaceChildren(...overview.faults.map((each) => told(each, `hit ${number(each.hits)} of ${number(each.seen)}`)));
  $("scripts").replaceChildren(...overview.scripts.map((each) => told(each, each.used ? `used ${number(each.used)} times` : "")));
  $("clock-now").textContent = `${overview.now.replace("T", " ").replace("Z", "")} UTC${overview.frozen ? " (frozen)" : ""}`;
}

async function choices(form, field, kind) {
  const [{ items }] = await ask(`workspace?kind=${kind}`);
  const chosen = form.elements[field].value;
  form.elements[field].replaceChildren(new Option("All", ""), ...items.map(({ id, name }) => new Option(name, id)));
  form.elements[field].value = chosen;
  if (form.elements[field].selectedIndex < 0) form.elements[field].selectedIndex = 0;
}

export async function opened() {
  await choices($("sync"), "warehouse_id", "warehouse");
  await choices($("sync"), "model_id", "reverse-etl");
}

export async function showCode() {
  const snippets = await ask("snippets");
  $("snippets").replaceChildren(...snippets.map(({ title, text }) => element("article", { className: "card" },
    element("h2", {}, title, " ", copyButton(text)), element("pre", { tabIndex: 0, textContent: text }))));
}

export function start(changed) {
  const after = (done, work) => attempt(async () => {
    await work();
    $("done").textContent = done;
    await changed();
  });
  const onSubmit = (id, done, work) => $(id).addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    after(done, () => work($(id), submitted.submitter));
  });
  const onClick = (id, done, work) => $(id).addEventListener("click", () => after(done, work));
  followKind($("fault"));
  followKind($("sync"));
  onSubmit("fault", "The fault is added.", (form) => ask("faults", "POST", fields(form)));
  onClick("clear-faults", "All faults are cleared.", () => ask("faults", "DELETE"));
  onSubmit("clock", "The clock is moved.", (form, button) =>
    ask("clock", "POST", { advance: Number(button?.value || form.elements.seconds.value) }));
  onClick("freeze", "The clock is set.", () => ask("clock", "POST", { freeze: !isFrozen }));
  onSubmit("sync", "The sync is scripted.", (form) => ask("scripts", "POST", fields(form)));
  onClick("clear-scripts", "All scripts are cleared.", () => ask("scripts", "DELETE"));
  $("reset").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    $("confirm").showModal();
  });
  $("confirm").addEventListener("close", () => {
    if ($("confirm").returnValue === "reset") after("The sandbox is reset.", () => ask("reset", "POST"));
    $("confirm").returnValue = "";
  });
}

(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const main = $("main");
  const { path, system } = main.dataset;
  const classes = JSON.parse(main.dataset.classes);
  const stored = `setpoint-annotator-${system}`;
  const images = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
  let annotator = "", handed = null, since = 0, busy = false;

  const make = (name, words, properties = {}) => {
    const node = document.createElement(name);
    if (words !== undefined) node.textContent = words;
    return Object.assign(node, properties);
  };
  const say = (words, bad = false) => {
    $("status").textContent = words;
    $("status").classList.toggle("bad", bad);
  };

  // Whatever is shown of an item goes through textContent: nothing in it is ever read as HTML.
  const value = (of) => {
    const cell = document.createElement("dd");
    if (of === null || of === "") {
      cell.textContent = of === null ? "not known" : "empty";
      cell.className = "null";
    } else if (typeof of === "object" && typeof of.media === "string" && "size" in of) {
      if (images.has(of.media) && of.base64) {
        cell.append(make("img", undefined, { src: `data:${of.media};base64,${of.base64}`, alt: "" }));
      } else if (of.media === "text/plain" && of.base64) {
        const bytes = Uint8Array.from(atob(of.base64), (letter) => letter.charCodeAt(0));
        cell.append(make("pre", new TextDecoder().decode(bytes)));
      } else {
        cell.textContent = `${of.size} bytes (${of.media})`;
      }
    } else if (typeof of === "string" && /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/.test(of)) {
      cell.append(make("img", undefined, { src: of, alt: "" }));
    } else if (typeof of === "object") {
      cell.append(make("pre", JSON.stringify(of, null, 2)));
    } else {
      cell.textContent = String(of);
    }
    return cell;
  };
  const rows = (of) => Object.entries(of).map(([name, each]) => {
    const row = document.createElement("div");
    const cell = value(each);
    for (const image of cell.querySelectorAll("img")) image.alt = name;
    row.append(make("dt", name), cell);
    return row;
  });

  const ask = async (name, body) => {
    const options = body === undefined ? {} : {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    };
    let answer;
    try {
      answer = await fetch(`${path}/${name}`, { ...options, credentials: "same-origin", cache: "no-store" });
    } catch {
      throw new Error("The server does not answer. Nothing is lost: try again.");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error([told.detail || `The server says ${answer.status}.`, told.hint].filter(Boolean).join(" "));
    return told;
  };
  const working = async (work) => {
    if (busy) return;
    busy = true;
    document.body.setAttribute("aria-busy", "true");
    try { await work(); } catch (error) { say(error.message, true); }
    busy = false;
    document.body.removeAttribute("aria-busy");
  };

  const show = (told) => {
    const { progress } = told;
    $("bar").max = Math.max(1, progress.items);
    $("bar").value = progress.done;
    $("count").textContent = `${progress.done} of ${progress.items} items, ${progress.mine} by you`;
    handed = told.next;
    since = performance.now();
    $("note").value = "";
    const left = handed !== null;
    for (const button of document.querySelectorAll("#classes button, #skip")) button.disabled = !left;
    $("key").textContent = left ? handed.item.key : "Nothing is left for you.";
    $("again").hidden = !left || handed.look === 0;
    $("again").textContent = "You have seen this item before. Say what you think now.";
    $("fields").replaceChildren(...(left ? rows(handed.item.fields) : []));
    const features = left ? rows(handed.item.features) : [];
    $("features").replaceChildren(...features);
    $("more").hidden = features.length === 0;
    $("fields").hidden = !left;
    if ($("disputes").hidden) $("key").focus({ preventScroll: true });
    scrollTo(0, 0);
  };
  const begin = (name) => working(async () => {
    const told = await ask("next", { annotator: name });
    annotator = name;
    localStorage.setItem(stored, name);
    $("who").textContent = name;
    $("who").hidden = false;
    $("sign").hidden = true;
    $("work").hidden = false;
    show(told);
    say("");
  });
  const vote = (name) => working(async () => {
    if (!handed) return;
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    const { item, look } = handed;
    show(await ask("vote", { annotator, item: item.key, value: name, note: $("note").value, seconds, look }));
    say(name === null ? `${item.key} skipped` : `${item.key}: ${name}`);
  });
  const undo = () => working(async () => {
    const told = await ask("undo", { annotator });
    show(told);
    say(told.undone ? `${told.undone.item}: taken back` : "There is nothing to undo.");
  });

  const dispute = (each) => {
    const entry = document.createElement("li");
    const fields = document.createElement("dl");
    fields.append(...rows(each.item.fields));
    const votes = make("ul", undefined, { className: "votes" });
    votes.append(...each.votes.map((one) => make("li",
      `${one.annotator}: ${one.value === null ? "skipped" : one.value}${one.note ? ` – ${one.note}` : ""}`)));
    const choices = document.createElement("fieldset");
    choices.append(make("legend", `Decide on ${each.item.key}`), ...classes.map((name) => {
      const button = make("button", name, { type: "button" });
      button.addEventListener("click", () => working(async () => {
        await ask("decide", { annotator, item: each.item.key, value: name });
        await list();
        say(`${each.item.key}: decided, ${name}`);
      }));
      return button;
    }));
    entry.append(make("h3", each.item.key), fields, votes, choices);
    return entry;
  };
  const list = async () => {
    const told = await ask("disagreements");
    $("disputes-list").replaceChildren(...told.items.map(dispute));
    const many = told.items.length;
    $("disputes-lead").textContent = many ? `Votes differ on ${many} item${many === 1 ? "" : "s"}. What you decide is the label.`
      : "Nobody contradicts anybody.";
    $("disputes-title").focus({ preventScroll: true });
  };
  const disputes = () => working(async () => {
    $("disputes").hidden = false;
    $("work").hidden = true;
    await list();
    say("");
  });
  const back = () => {
    if ($("disputes").hidden) return;
    $("disputes").hidden = true;
    begin(annotator);
  };

  $("sign").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("name").value.trim();
    if (name) begin(name);
  });
  $("who").addEventListener("click", () => {
    $("work").hidden = $("disputes").hidden = $("who").hidden = true;
    $("sign").hidden = false;
    $("name").value = "";
    $("name").focus();
  });
  for (const button of document.querySelectorAll("#classes button")) {
    button.addEventListener("click", () => vote(button.dataset.class));
  }
  $("skip").addEventListener("click", () => vote(null));
  $("undo").addEventListener("click", undo);
  $("disagreements").addEventListener("click", () => { if (annotator) disputes(); });
  $("back").addEventListener("click", back);

  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else back();
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !annotator || !$("sign").hidden) return;
    if (event.key === "d") { disputes(); event.preventDefault(); return; }
    if ($("work").hidden) return;
    const number = "123456789".indexOf(event.key);
    const commands = {
      s: () => vote(null),
      u: undo,
      g: () => { $("guidelines").open = !$("guidelines").open; },
      n: () => $("note").focus(),
    };
    if (event.key.length === 1 && number >= 0 && number < classes.length) vote(classes[number]);
    else if (Object.hasOwn(commands, event.key)) commands[event.key]();
    else return;
    event.preventDefault();
  });

  if (matchMedia("(max-width: 760px)").matches) $("guidelines").open = false;
  const before = localStorage.getItem(stored);
  if (before) {
    begin(before).then(() => { if (!annotator) $("sign").hidden = false; });
  } else {
    $("sign").hidden = false;
    $("name").focus();
  }
})();

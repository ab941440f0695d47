// Extras only: every page works without this file.

const summary = document.getElementById("error-summary");

// Old browsers do not focus the summary by its autofocus attribute.
addEventListener("load", () => {
  if (document.activeElement === document.body) summary?.focus();
});

// Going back to a page that answered a form shows a browser's error. Once the mistakes are mended,
// let it go back to the page itself, which has the answers.
addEventListener("submit", () => {
  if (summary) history.replaceState(null, "", location.href);
});

for (const field of document.querySelectorAll("textarea[data-limit]")) {
  const count = document.createElement("p");
  count.className = "hint";
  count.setAttribute("aria-live", "polite");
  field.after(count);
  let waiting;
  const show = () => {
    const left = field.dataset.limit - [...field.value.trim()].length;
    count.textContent = left < 0 ? `${-left} characters too many` : `${left} characters left`;
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  });
  show();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Link copied";
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Ask before a link or another button takes away a note that is not saved.
const note = document.querySelector("textarea[data-ask]");
const ask = (event) => {
  if (note.value.trim()) event.preventDefault();
};
if (note) {
  addEventListener("beforeunload", ask);
  // A link that calls or writes takes nothing away, but browsers would ask.
  for (const link of document.querySelectorAll('a[href^="tel:"], a[href^="mailto:"]')) {
    link.addEventListener("click", () => {
      removeEventListener("beforeunload", ask);
      setTimeout(() => addEventListener("beforeunload", ask));
    });
  }
  note.form.addEventListener("submit", () => removeEventListener("beforeunload", ask));
}

// Staff are signed out when they do nothing. Two minutes before, offer to stay; all tabs count.
const stay = document.querySelector("form[data-stay]");
if (stay) {
  const told = (form) => {
    localStorage.until = Date.now() + form.dataset.stay * 1000;
  };
  stay.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(stay.action, { method: "POST", body: new FormData(stay) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = page.querySelector("form[data-stay]");
    if (form) told(form);
    watch();
  });
  const watch = () => {
    const left = (localStorage.until ?? 0) - Date.now();
    if (stay.hidden && left <= 120000) {
      const end = new Date(+localStorage.until);
      const clock = end.toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" });
      stay.querySelector("time").textContent = clock.toLowerCase();
    }
    stay.hidden = left > 120000;
    // A moment later than the server: asking while the session lasts would make it last longer.
    if (left < -2000) {
      removeEventListener("beforeunload", ask); // nothing may stay on the screen
      location.replace(stay.dataset.back);
    }
  };
  stay.hidden = true;
  told(stay);
  watch();
  setInterval(watch, 1000);
}

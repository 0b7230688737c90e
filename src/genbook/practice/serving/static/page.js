// The page of the service: draws samples, asks the desk, and hears what people think of
// an answer. No library, no other host.
"use strict";

const at = (id) => document.getElementById(id);
let models = [], hears = false, last = null;

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (at("key").value) headers.Authorization = `Bearer ${at("key").value}`;
  const options = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(path, options);
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.error), { status: answer.status });
  return found;
}

const chosen = () => models.find((m) => m.name === at("model").value);

function show(model) {
  at("labels").hidden = !model || !model.classes;
  if (model && model.classes) at("label").max = model.classes - 1;
}

async function list() {
  const found = await ask("v1/models");
  models = found.models;
  at("n").max = found.most_samples;
  at("drawing").hidden = !models.length;
  at("desk").hidden = !found.desk;
  hears = found.feedback;
  at("model").replaceChildren(...models.map((m) => new Option(`${m.name} (${m.kind})`, m.name)));
  show(chosen());
}

function points(context, samples, size) {
  const reach = Math.max(1, ...samples.flat().map(Math.abs));
  context.fillStyle = "#0b5394";
  for (const [x, y] of samples) {
    context.beginPath();
    context.arc(size * (0.5 + 0.46 * x / reach), size * (0.5 - 0.46 * y / reach), 4, 0, 7);
    context.fill();
  }
}

function images(context, samples, size) {
  const columns = Math.ceil(Math.sqrt(samples.length)), cell = size / columns;
  const low = Math.min(...samples.flat(3)), high = Math.max(...samples.flat(3));
  samples.forEach(([image], k) => {
    const step = cell / image.length;
    image.forEach((row, i) => row.forEach((v, j) => {
      const grey = Math.round(255 * (1 - (v - low) / (high - low || 1)));
      context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      context.fillRect(cell * (k % columns) + j * step,
        cell * Math.floor(k / columns) + i * step, step + 0.5, step + 0.5);
    }));
  });
}

function draw(model, found) {
  const shape = model.event_shape, canvas = at("canvas");
  const plane = shape.length === 1 && shape[0] === 2 && !model.tokens;
  const image = shape.length === 3 && shape[0] === 1;
  canvas.hidden = !(plane || image);
  at("numbers").hidden = plane || image;
  const words = `${found.samples.length} samples of ${model.name}, seed ${found.seed}`;
  at("said").textContent = `${words}.`;
  if (canvas.hidden) {
    at("numbers").textContent = found.samples.map((s) => JSON.stringify(s)).join("\n");
    return;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  (plane ? points : images)(context, found.samples, canvas.width);
  canvas.setAttribute("aria-label", words);
}

at("model").addEventListener("change", () => show(chosen()));

at("draw").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const model = chosen(), body = { model: model.name, n: +at("n").value, seed: +at("seed").value };
    if (model.classes) body.label = +at("label").value;
    draw(model, await ask("v1/samples", body));
  } catch (error) {
    at("said").textContent = `It did not work: ${error.message}.`;
  }
});

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const body = { question: at("question").value };
    if (at("passage").value) body.passage = at("passage").value;
    at("feedback").hidden = true;
    at("thanks").textContent = at("better").value = "";
    const { answer } = await ask("v1/answers", body);
    at("answer").textContent = answer === null ? "The desk does not know." : answer;
    const prompt = [body.question, body.passage].filter(Boolean).join("\n");
    last = { model: "desk", prompt, answer: answer === null ? "?" : answer };
    at("feedback").hidden = !hears;
  } catch (error) {
    at("answer").textContent = `It did not work: ${error.message}.`;
  }
});

at("feedback").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const body = { ...last, verdict: event.submitter.value };
    if (body.verdict === "bad" && at("better").value) body.better = at("better").value;
    await ask("v1/feedback", body);
    at("feedback").hidden = true;
    at("thanks").textContent = "Thank you: it is kept.";
  } catch (error) {
    at("thanks").textContent = `It did not work: ${error.message}.`;
  }
});

async function begin() {
  try {
    await list();
    at("enter").hidden = true;
    at("told").textContent = "";
  } catch (error) {
    if (error.status === 401) at("enter").hidden = false;
    at("told").textContent = `It did not work: ${error.message}.`;
  }
}

at("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});

begin();

/* The book's explorables. Each begins as a drawing that can be read without this. */
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([k, v]) => element.setAttribute(k, v));
    element.append(...children);
    return element;
  };
  const draw = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    Object.entries(attributes).forEach(([k, v]) => element.setAttribute(k, v));
    return element;
  };
  const number = (v, digits) => (v === -Infinity ? "−∞" : v.toFixed(digits).replace("-", "−"));
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const doubles = (text) => new Float64Array(bytes(text));
  let count = 0;

  /* A box over points: theta = (left, bottom, right, top), its log-likelihood in nats. */
  function box(host, data) {
    const { low, high, width, height } = data;
    const points = doubles(data.points);
    const n = points.length / 2;
    const limits = [low[0], low[1], high[0], high[1]];
    const steps = [0, 1].map((d) => (high[d] - low[d]) / 200);
    const theta = [...limits];

    const svg = host.querySelector("svg");
    const rect = svg.querySelector(".gb-box");
    const dots = svg.querySelector(".gb-dots");
    const x = (v) => ((v - low[0]) / (high[0] - low[0])) * width;
    const y = (v) => ((high[1] - v) / (high[1] - low[1])) * height;

    /* What a place of the box moves: indices of theta. */
    const frame = draw("rect", { class: "gb-frame", width, height });
    const missed = draw("path", { class: "gb-missed" });
    svg.prepend(frame);
    dots.after(missed);
    rect.removeAttribute("style");
    dots.removeAttribute("style");
    rect.dataset.moves = "0123";
    const sides = [["0"], ["1"], ["2"], ["3"]].map(([moves]) => draw("line", { class: "gb-side", "data-moves": moves }));
    const corners = ["01", "21", "23", "03"].map((moves) => draw("g", { class: "gb-corner", "data-moves": moves }));
    corners.forEach((g) => g.append(draw("circle", { class: "gb-reach", r: 24 }), draw("circle", { class: "gb-knob", r: 8 })));
    svg.append(...sides, ...corners);

    const names = ["θ₁ left", "θ₂ bottom", "θ₃ right", "θ₄ top"];
    const sliders = names.map((name, i) => {
      const id = `gb-box-${++count}`;
      const input = make("input", { type: "range", id, min: limits[i % 2], max: limits[2 + (i % 2)], step: steps[i % 2] });
      const shown = make("span", { class: "gb-at" });
      input.addEventListener("input", () => { move([i], +input.value); });
      return { input, shown, row: make("div", { class: "gb-row" }, make("label", { for: id }, name), input, shown) };
    });
    const buttons = Object.entries(data.boxes).map(([name, corner]) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => { corner.forEach((v, i) => { theta[i] = v; }); update(); });
      return button;
    });
    const inside = make("dd"), area = make("dd"), value = make("dd", { class: "gb-value" });
    const said = make("p", { class: "gb-said", role: "status" });
    const readout = make("dl", { class: "gb-readout" },
      make("div", {}, make("dt", {}, "points inside"), inside),
      make("div", {}, make("dt", {}, "area"), area),
      make("div", {}, make("dt", {}, "log-likelihood"), value));
    host.querySelector(".gb-still").remove();
    host.append(readout, make("div", { class: "gb-rows" }, ...sliders.map((s) => s.row)),
      make("div", { class: "gb-buttons" }, ...buttons), said);

    /* Move one side and keep the box in the plane, with some width left. */
    function move(which, to) {
      which.forEach((i) => {
        const d = i % 2;
        const [least, most] = i < 2 ? [low[d], theta[i + 2] - steps[d]] : [theta[i - 2] + steps[d], high[d]];
        theta[i] = Math.min(most, Math.max(least, to));
      });
      update();
    }

    /* Marks keep their size on the screen, however small the drawing is. */
    let unit = 1;
    new ResizeObserver(() => {
      const matrix = svg.getScreenCTM();
      if (matrix && matrix.a) { unit = 1 / matrix.a; update(); }
    }).observe(svg);

    let speaking;
    function update() {
      const [left, bottom, right, top] = theta;
      let out = "", within = 0;
      const r = 3.5 * unit;
      for (let i = 0; i < points.length; i += 2) {
        const [a, b] = [points[i], points[i + 1]];
        if (a >= left && a <= right && b >= bottom && b <= top) within += 1;
        else out += `M${x(a) - r} ${y(b) - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`;
      }
      const size = (right - left) * (top - bottom);
      const loglik = within === n ? -n * Math.log(size) : -Infinity;
      missed.setAttribute("d", out);
      const [x0, y0, x1, y1] = [x(left), y(top), x(right), y(bottom)];
      [["x", x0], ["y", y0], ["width", x1 - x0], ["height", y1 - y0]].forEach(([k, v]) => rect.setAttribute(k, v));
      [[x0, y0, x0, y1], [x0, y1, x1, y1], [x1, y0, x1, y1], [x0, y0, x1, y0]].forEach((ends, i) =>
        ["x1", "y1", "x2", "y2"].forEach((k, j) => sides[i].setAttribute(k, ends[j])));
      [[x0, y1], [x1, y1], [x1, y0], [x0, y0]].forEach(([a, b], i) => corners[i].setAttribute("transform", `translate(${a} ${b}) scale(${unit})`));
      sliders.forEach(({ input, shown }, i) => {
        input.value = theta[i];
        shown.textContent = number(theta[i], 2);
        input.setAttribute("aria-valuetext", number(theta[i], 2));
      });
      inside.textContent = `${within} of ${n}`;
      area.textContent = number(size, 3);
      value.textContent = `${number(loglik, 2)} nats`;
      host.dataset.theta = theta.join(" ");
      host.dataset.loglik = loglik;
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        said.textContent = `${within} of ${n} points inside, area ${number(size, 3)}, log-likelihood ` +
          (loglik === -Infinity ? "minus infinity." : `${number(loglik, 2)} nats.`);
      }, 400);
    }

    /* Dragging: corners and sides follow the pointer, the middle moves the whole box. */
    let grip = null;
    const place = (event) => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [low[0] + (p.x / width) * (high[0] - low[0]), high[1] - (p.y / height) * (high[1] - low[1])];
    };
    svg.addEventListener("pointerdown", (event) => {
      const part = event.target.closest("[data-moves]");
      if (!part || event.button) return;
      grip = { moves: [...part.dataset.moves].map(Number), at: place(event), from: [...theta] };
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    /* A finger on a corner or a side drags it; anywhere else it scrolls the page. */
    svg.addEventListener("touchstart", (event) => {
      const part = event.target.closest("[data-moves]");
      if (part && part !== rect) event.preventDefault();
    }, { passive: false });
    svg.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const now = place(event);
      if (grip.moves.length < 4) {
        grip.moves.forEach((i) => move([i], now[i % 2]));
        return;
      }
      [0, 1].forEach((d) => {
        const shift = Math.min(high[d] - grip.from[d + 2], Math.max(low[d] - grip.from[d], now[d] - grip.at[d]));
        theta[d] = grip.from[d] + shift;
        theta[d + 2] = grip.from[d + 2] + shift;
      });
      update();
    });
    ["pointerup", "pointercancel"].forEach((kind) => svg.addEventListener(kind, () => { grip = null; }));

    update();
    host.classList.add("gb-live");
  }

  /* A plane of codes and the decoder that draws the code at the knob. */
  function latent(host, data) {
    const { low, high, width, height, places, tins } = data;
    const [rows, columns] = data.side;
    const layers = data.layers.map((layer) => ({
      inputs: layer.size[1],
      weight: new Int8Array(bytes(layer.weight)),
      scale: new Float32Array(bytes(layer.scale)),
      bias: new Float32Array(bytes(layer.bias)),
    }));
    const bend = { relu: (v) => Math.max(v, 0), silu: (v) => v / (1 + Math.exp(-v)) }[data.activation];
    const last = { sigmoid: (v) => 1 / (1 + Math.exp(-v)), linear: (v) => v }[data.output];

    /* The decoder: each layer is scale * (weight . v) + bias, row by row. */
    const decode = (z) => layers.reduce((v, { inputs, weight, scale, bias }, depth) =>
      Float64Array.from(bias, (b, i) => {
        let sum = 0;
        for (let j = 0; j < inputs; j++) sum += weight[i * inputs + j] * v[j];
        return (depth < layers.length - 1 ? bend : last)(b + scale[i] * sum);
      }), z);

    /* Height and width as genbook.data.tins.measure_tins finds them. */
    const measure = (image) => {
      const filled = (r, c) => Math.min(1, Math.max(0, image[r * columns + c] / 0.3));
      let across = 0, down = 0;
      for (let c = 0; c < columns; c++) across += (filled(tins.row - 1, c) + filled(tins.row, c)) / 2;
      for (let r = 0; r < rows; r++) down += (filled(r, columns / 2 - 1) + filled(r, columns / 2)) / 2;
      const w = across / columns;
      return [down * 2 / rows - 2 * tins.tilt * w, w];
    };

    const svg = host.querySelector("svg");
    const x = (v) => ((v - low[0]) / (high[0] - low[0])) * width;
    const y = (v) => ((high[1] - v) / (high[1] - low[1])) * height;
    const frame = draw("rect", { class: "gb-frame", width, height });
    const knob = draw("g", { class: "gb-corner" });
    knob.append(draw("circle", { class: "gb-reach", r: 24 }), draw("circle", { class: "gb-knob", r: 9 }));
    svg.prepend(frame);
    svg.append(knob);
    svg.querySelectorAll("[style]").forEach((e) => e.removeAttribute("style"));

    const canvas = make("canvas", { width: columns, height: rows, role: "img", "aria-label": "The image decoded from the code" });
    const side = make("div", { class: "gb-side-by-side" });
    svg.replaceWith(side);
    side.append(svg, canvas);
    const first = Object.values(places)[0] || [0, 1].map((d) => (low[d] + high[d]) / 2);
    const z = [...first];
    const sliders = ["z₁", "z₂"].map((name, i) => {
      const id = `gb-latent-${++count}`;
      const input = make("input", { type: "range", id, min: low[i], max: high[i], step: (high[i] - low[i]) / 200 });
      const shown = make("span", { class: "gb-at" });
      input.addEventListener("input", () => { z[i] = +input.value; update(); });
      return { input, shown, row: make("div", { class: "gb-row gb-short" }, make("label", { for: id }, name), input, shown) };
    });
    const buttons = Object.entries(places).map(([name, place]) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => { z.splice(0, 2, ...place); update(); });
      return button;
    });
    const sizes = ["height", "width"].map((name) => ({ name, value: make("dd") }));
    const readout = make("dl", { class: "gb-readout" },
      ...(tins ? sizes.map(({ name, value }) => make("div", {}, make("dt", {}, `measured ${name}`), value)) : []));
    const said = make("p", { class: "gb-said", role: "status" });
    host.querySelector(".gb-still").remove();
    host.append(readout, make("div", { class: "gb-rows" }, ...sliders.map((s) => s.row)),
      make("div", { class: "gb-buttons" }, ...buttons), said);

    /* The ink takes the colour of the page's text, in light and in dark. */
    function paint() {
      const [r, g, b] = getComputedStyle(svg.querySelector(".gb-ink")).fill.match(/[\d.]+/g).map(Number);
      const pixels = new ImageData(columns, rows);
      host.decoded.forEach((v, i) => pixels.data.set([r, g, b, 255 * Math.min(1, Math.max(0, v))], 4 * i));
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    }
    new MutationObserver(paint).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

    let unit = 1;
    new ResizeObserver(() => {
      const matrix = svg.getScreenCTM();
      if (matrix && matrix.a) { unit = 1 / matrix.a; update(); }
    }).observe(svg);

    let speaking;
    function update() {
      host.decoded = decode(z);
      host.dataset.code = z.join(" ");
      paint();
      knob.setAttribute("transform", `translate(${x(z[0])} ${y(z[1])}) scale(${unit})`);
      sliders.forEach(({ input, shown }, i) => {
        input.value = z[i];
        shown.textContent = number(z[i], 2);
        input.setAttribute("aria-valuetext", number(z[i], 2));
      });
      const found = tins ? measure(host.decoded) : [];
      host.dataset.sizes = found.join(" ");
      found.forEach((v, i) => { sizes[i].value.textContent = number(v, 2); });
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        said.textContent = `Code ${number(z[0], 2)}, ${number(z[1], 2)}` +
          found.map((v, i) => `, ${sizes[i].name} ${number(v, 2)}`).join("") + ".";
      }, 400);
    }

    const place = (event) => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const to = [low[0] + (p.x / width) * (high[0] - low[0]), high[1] - (p.y / height) * (high[1] - low[1])];
      to.forEach((v, d) => { z[d] = Math.min(high[d], Math.max(low[d], v)); });
      update();
    };
    /* A mouse drags from anywhere, a finger from the knob; a tap moves the knob there. */
    let grip = false;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button || (event.pointerType === "touch" && !knob.contains(event.target))) return;
      grip = true;
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
      place(event);
    });
    svg.addEventListener("touchstart", (event) => {
      if (knob.contains(event.target)) event.preventDefault();
    }, { passive: false });
    svg.addEventListener("pointermove", (event) => { if (grip) place(event); });
    svg.addEventListener("click", place);
    ["pointerup", "pointercancel"].forEach((kind) => svg.addEventListener(kind, () => { grip = false; }));

    update();
    host.classList.add("gb-live");
  }

  /* Places where a hidden rule could draw; the reader guesses, then sees the rule. */
  function guess(host, data) {
    const { low, high, width, height } = data;
    const [rows, columns] = data.cells;
    const bits = new Uint8Array(bytes(data.possible));
    const at = (cell) => (bits[cell >> 3] >> (7 - (cell & 7))) & 1;
    const svg = host.querySelector("svg");
    const dots = svg.querySelector(".gb-dots");
    dots.removeAttribute("style");
    const x = (v) => ((v - low[0]) / (high[0] - low[0])) * width;
    const y = (v) => ((high[1] - v) / (high[1] - low[1])) * height;
    const frame = draw("rect", { class: "gb-frame", width, height });
    const rule = draw("path", { class: "gb-rule" });
    const [open, right, wrong] = ["gb-open", "gb-right", "gb-missed"].map((name) => draw("path", { class: name }));
    const knob = draw("path", { class: "gb-cross" });
    svg.prepend(frame, rule);
    svg.append(open, right, wrong, knob);

    const chosen = [];
    const cursor = [0, 1].map((d) => (low[d] + high[d]) / 2);
    let shown = false;
    const could = ([a, b]) => {
      const column = Math.min(columns - 1, Math.floor((x(a) / width) * columns));
      const row = Math.min(rows - 1, Math.floor((y(b) / height) * rows));
      return at(row * columns + column) === 1;
    };
    const share = bits.reduce((sum, _, i) => sum + [0, 1, 2, 3, 4, 5, 6, 7].filter((b) => at(8 * i + b)).length, 0) / (rows * columns);

    const sliders = ["x₁", "x₂"].map((name, i) => {
      const id = `gb-guess-${++count}`;
      const input = make("input", { type: "range", id, min: low[i], max: high[i], step: (high[i] - low[i]) / 200 });
      const value = make("span", { class: "gb-at" });
      input.addEventListener("input", () => { cursor[i] = +input.value; update(); });
      return { input, value, row: make("div", { class: "gb-row gb-short" }, make("label", { for: id }, name), input, value) };
    });
    const button = (name, does) => {
      const element = make("button", { type: "button" }, name);
      element.addEventListener("click", does);
      return element;
    };
    const choose = button("Choose this place", () => { chosen.push([...cursor]); update(); });
    const reveal = button("Show the rule", () => { shown = true; update(); });
    const again = button("Start again", () => { shown = false; chosen.length = 0; update(); });
    const places = make("dd"), hits = make("dd", { class: "gb-value" }), luck = make("dd");
    const said = make("p", { class: "gb-said", role: "status" });
    host.querySelector(".gb-still").remove();
    host.append(make("dl", { class: "gb-readout" },
      make("div", {}, make("dt", {}, "places chosen"), places),
      make("div", {}, make("dt", {}, "possible"), hits),
      make("div", {}, make("dt", {}, "of blind guesses"), luck)),
    make("div", { class: "gb-rows" }, ...sliders.map((s) => s.row)),
    make("div", { class: "gb-buttons" }, choose, reveal, again), said);

    let unit = 1;
    new ResizeObserver(() => {
      const matrix = svg.getScreenCTM();
      if (matrix && matrix.a) { unit = 1 / matrix.a; update(); }
    }).observe(svg);

    const cross = (points, r) => points.map(([a, b]) =>
      `M${x(a) - r} ${y(b) - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`).join("");
    const ring = (points, r) => points.map(([a, b]) =>
      `M${x(a) - r} ${y(b)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`).join("");
    /* The rule is drawn a run of cells at a time, and only when it was asked for. */
    function land() {
      const [w, h] = [width / columns, height / rows];
      let path = "";
      for (let r = 0; r < rows; r++) for (let c = 0, from = -1; c <= columns; c++) {
        const on = c < columns && at(r * columns + c);
        if (on && from < 0) from = c;
        if (!on && from >= 0) { path += `M${from * w} ${r * h}H${c * w}v${h}H${from * w}z`; from = -1; }
      }
      return path;
    }
    function update() {
      const good = chosen.filter(could);
      rule.setAttribute("d", shown ? land() : "");
      open.setAttribute("d", shown ? "" : ring(chosen, 6 * unit));
      right.setAttribute("d", shown ? ring(good, 6 * unit) : "");
      wrong.setAttribute("d", shown ? cross(chosen.filter((p) => !could(p)), 5 * unit) : "");
      const r = 7 * unit;
      knob.setAttribute("d", shown ? "" : `M${x(cursor[0]) - r} ${y(cursor[1])}h${2 * r}m${-r} ${-r}v${2 * r}`);
      sliders.forEach(({ input, value }, i) => {
        input.value = cursor[i];
        value.textContent = number(cursor[i], 2);
        input.setAttribute("aria-valuetext", number(cursor[i], 2));
      });
      choose.disabled = shown;
      places.textContent = chosen.length;
      hits.textContent = shown ? `${good.length} of ${chosen.length}` : "?";
      luck.textContent = shown ? `${number(100 * share, 0)}%` : "?";
      host.dataset.possible = shown ? good.length : "";
      said.textContent = shown ? `${good.length} of ${chosen.length} places are possible.` : `${chosen.length} places chosen.`;
    }
    svg.addEventListener("click", (event) => {
      if (shown) return;
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const to = [low[0] + (p.x / width) * (high[0] - low[0]), high[1] - (p.y / height) * (high[1] - low[1])];
      if (to.some((v, d) => v < low[d] || v > high[d])) return;
      cursor.splice(0, 2, ...to);
      chosen.push(to);
      update();
    });

    update();
    host.classList.add("gb-live");
  }

  /* A sheet to write on. A word stands between spaces and holds a letter or a digit. */
  const counted = (text) => text.split(/[\s\x1c-\x1f\x85]+/).filter((w) => /[\p{L}\p{N}]/u.test(w)).length;
  function words(host, data) {
    const id = `gb-words-${++count}`;
    const sheet = make("textarea", { id, rows: 10, "aria-describedby": `${id}-limit` });
    const n = make("dd"), left = make("dd", { class: "gb-value" });
    const said = make("p", { class: "gb-said", role: "status" });
    const button = (name, text) => {
      const element = make("button", { type: "button" }, name);
      element.addEventListener("click", () => { sheet.value = text; update(); sheet.focus(); });
      return element;
    };
    host.querySelector(".gb-still").remove();
    host.append(make("label", { for: id }, "Your note"), sheet,
      make("p", { id: `${id}-limit`, class: "gb-still" }, `Fewer than ${data.below} words. What you write stays in this page.`),
      make("dl", { class: "gb-readout" }, make("div", {}, make("dt", {}, "words"), n), make("div", {}, make("dt", {}, "still to spare"), left)),
      make("div", { class: "gb-buttons" }, ...(data.example ? [button("Start from the example", data.example)] : []), button("Clear", "")), said);
    let speaking;
    function update() {
      const so = counted(sheet.value), spare = data.below - 1 - so;
      n.textContent = so;
      left.textContent = spare < 0 ? `none: ${-spare} too many` : spare;
      host.classList.toggle("gb-over", spare < 0);
      sheet.setAttribute("aria-invalid", spare < 0);
      clearTimeout(speaking);
      speaking = setTimeout(() => { said.textContent = `${so} words, ${spare < 0 ? `${-spare} too many` : `${spare} to spare`}.`; }, 800);
    }
    sheet.addEventListener("input", update);
    update();
    host.classList.add("gb-live");
  }

  const kinds = { box, latent, guess, words };
  const start = (host, data) => kinds[host.dataset.explorable](host, data);

  /* The data of an explorable stand in it, or in a script that comes when it is near. */
  const near = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach(({ target: host }) => {
      near.unobserve(host);
      const file = make("script", { src: host.dataset.from });
      file.addEventListener("load", () => start(host, file.holds));
      document.head.append(file);
    });
  }, { rootMargin: "1000px" });
  document.querySelectorAll(".gb-explorable").forEach((host) => {
    const own = host.querySelector("script");
    if (own) start(host, JSON.parse(own.textContent));
    else near.observe(host);
  });
})();

// Draws the plots of the overview with Chart.js, in the colours of the page's style sheet.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const canvases = [...document.querySelectorAll("canvas[data-plot]")];
let charts = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(more) {
  return {
    stacked: true,
    border: { display: false },
    ticks: { color: colour("muted"), maxRotation: 0, autoSkipPadding: 16, ...more.ticks },
    grid: { color: colour("line"), drawTicks: false, ...more.grid },
    ...more.axis,
  };
}

function draw(canvas) {
  const { labels, series } = JSON.parse(canvas.dataset.plot);
  return new Chart(canvas, {
    type: "bar",
    data: {
      labels,
      datasets: series.map((one) => ({
        label: one.label,
        data: one.values,
        backgroundColor: colour(one.key),
        borderRadius: 2,
        categoryPercentage: 0.9,
        barPercentage: 1,
      })),
    },
    options: {
      animation: still.matches ? false : { duration: 250 },
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: axis({ grid: { display: false } }),
        y: axis({ ticks: { precision: 0 }, axis: { beginAtZero: true, suggestedMax: 4 } }),
      },
      plugins: {
        legend: { position: "bottom", labels: { color: colour("text"), boxWidth: 10, boxHeight: 10 } },
      },
    },
  });
}

function drawAll() {
  charts.forEach((chart) => chart.destroy());
  charts = canvases.map(draw);
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
drawAll();
dark.addEventListener("change", drawAll);

// The settings of the page as Python: a recipe, and the call that trains it.
import {stages, UNITS} from "./trainable.js";

const text = value => typeof value === "string" ? `"${value}"` : Array.isArray(value) ? `(${value.map(text).join(", ")}${value.length === 1 ? "," : ""})`
  : typeof value === "object" ? `{${Object.entries(value).map(([name, each]) => `"${name}": ${text(each)}`).join(", ")}}` : String(value);

const OPTIMIZER = {sgd: {optimizer: "sgd"}, momentum: {optimizer: "sgd", optimizer_options: {momentum: 0.9}}, adam: {optimizer: "adam"}};
const AUGMENTATION = {none: {}, mirror: {augmentation: "garments", augmentation_options: {erase: 0}},
                      "mirror and shift": {augmentation: "garments", augmentation_options: {erase: 0, shift: 2}}};

export function python(settings, epochs) {
  const {kernel, activation, normalization, dropout, images, batch_size, learning_rate, seed} = settings, filters = stages(settings);
  const fields = {name: "in-the-page", network: "a3-dropout",
    network_options: {filters, kernel, units: UNITS, dropout: filters.map(() => dropout), activation, normalization},
    data: "sketch", epochs, batch_size, ...OPTIMIZER[settings.optimizer], learning_rate, ...AUGMENTATION[settings.augmentation], seed};
  const lines = Object.entries(fields).map(([name, value]) => `    ${name}=${text(value)},`);
  return [...(settings.own?.pictures.length ? ["# without the class of your own: its pictures are only in the page"] : []), "from fashion_cnn.data import load", "from fashion_cnn.recipe import Recipe", "from fashion_cnn.train import train", "",
    "recipe = Recipe(", ...lines, ")", `run = train(recipe, load("sketch", limit=${images}))`].join("\n");
}

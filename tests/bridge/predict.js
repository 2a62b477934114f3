// Asks a graph model with TensorFlow.js: node predict.js <model.json> <rows.json>.
// Prints its answers as JSON, by the name of the output. NODE_PATH says where @tensorflow/tfjs is.
const fs = require('fs');
const path = require('path');
console.warn = () => {};
const tf = require('@tensorflow/tfjs');

async function main(file, rowsFile) {
  const model = JSON.parse(fs.readFileSync(file));
  const [{paths, weights}] = model.weightsManifest;
  const bytes = fs.readFileSync(path.join(path.dirname(file), paths[0]));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const loaded = await tf.loadGraphModel({
    load: async () => ({...model, weightSpecs: weights, weightData}),
  });
  const rows = JSON.parse(fs.readFileSync(rowsFile));
  const inputs = {};
  for (const {name, dtype} of loaded.inputs) {
    inputs[name] = tf.tensor(rows[name.split(':')[0]], undefined, dtype);
  }
  const outputs = model.signature.outputs;
  const keys = Object.keys(outputs);
  const found = loaded.execute(inputs, keys.map((key) => outputs[key].name));
  const listed = Array.isArray(found) ? found : [found];
  console.log(JSON.stringify(Object.fromEntries(keys.map((k, i) => [k, listed[i].arraySync()]))));
}

main(process.argv[2], process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});

import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct LayersTests {
  @Test func layersHaveShortNamesInOrder() throws {
    let layers = try residualNetwork().graph().layers()
    #expect(
      layers.map(\.name) == [
        "stem", "bn", "relu", "layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu", "layer1.0.Add",
        "layer1.0.relu_1", "avgpool", "Flatten_output_0", "fc",
      ])
    #expect(
      layers.map(\.ordinal) == [
        "Conv:1", "BatchNormalization:1", "Relu:1", "Conv:2", "BatchNormalization:2", "Relu:2", "Add:1",
        "Relu:3",
        "GlobalAveragePool:1", "Reshape:1", "Gemm:1",
      ])
    #expect(layers[3].onnxValue == "/layer1/layer1.0/conv1/Conv_output_0")
    #expect(layers[3].onnxNode == "/layer1/layer1.0/conv1/Conv")
    #expect(layers[3].shape == [1, 4, 6, 6])
    #expect(layers[3].parameterCount == 4 * 4 * 9)
    #expect(layers[3].multiplyAdds == 4 * 6 * 6 * 4 * 9)
    #expect(layers.last?.multiplyAdds == 3 * 4)
  }

  /// Inside the residual block two values are alive at once: none of them is a bottleneck.
  @Test func cutsAreMarked() throws {
    let layers = try residualNetwork().graph().layers()
    #expect(
      layers.filter(\.isCut).map(\.name) == [
        "stem", "bn", "relu", "layer1.0.Add", "layer1.0.relu_1", "avgpool", "Flatten_output_0", "fc",
      ])
  }

  /// A cut with the rest of the graph behind it is the whole graph.
  @Test func networkRestartsFromEveryCut() throws {
    let graph = try residualNetwork().graph(batch: 2), x = normalTensor([2, 2, 6, 6])
    let expected = try graph.interpreted([x], as: .float64)[0]
    for layer in graph.layers() where layer.isCut && !graph.outputs.contains(layer.value) {
      var front = graph, rest = graph
      front.outputs = [layer.value]
      rest.makeInput(layer.value)
      let value = try front.interpreted([x], as: .float64)[0]
      let found = try rest.interpreted(rest.inputs.map { $0 == layer.value ? value : x }, as: .float64)[0]
      #expect(scaledDifference(found, expected)! < exactTolerance, "\(layer.name)")
    }
  }

  @Test(arguments: [
    // ONNX value, ONNX node, module path, operator and ordinal.
    ("/layer1/layer1.0/conv1/Conv_output_0", ["Conv:2"]),
    ("/layer1/layer1.0/conv1/Conv", ["Conv:2"]),
    ("layer1.0.conv1", ["Conv:2"]),
    ("Conv:2", ["Conv:2"]),
    ("stem", ["Conv:1"]),
    // The output is named by the user; its module is still known from the node.
    ("logits", ["Gemm:1"]),
    ("fc", ["Gemm:1"]),
    // A module is its output: the last value computed inside it.
    ("layer1.0", ["Relu:3"]),
    ("layer1", ["Relu:3"]),
    // Globs over any of the names.
    ("Conv:*", ["Conv:1", "Conv:2"]),
    ("*relu*", ["Relu:1", "Relu:2", "Relu:3"]),
    ("layer1.0.?n1", ["BatchNormalization:2"]),
    ("/layer1/*/Add", ["Add:1"]),
  ])
  func namesFindLayers(_ query: String, _ expected: [String]) throws {
    #expect(try residualNetwork().graph().layers().matching(query).map(\.ordinal) == expected)
  }

  @Test(arguments: [
    ("steem", "no layer named 'steem'; did you mean 'stem'?"),
    ("Conv:3", "no layer named 'Conv:3'; did you mean 'Conv:1', 'Conv:2'?"),
    ("quite*different", "no layer named 'quite*different'"),
  ])
  func nearestNamesAreSuggested(_ query: String, _ message: String) throws {
    let layers = try residualNetwork().graph().layers()
    let error = #expect(throws: GraphError.self) { try layers.matching(query) }
    #expect(error?.description == message)
    #expect(error?.category == .usage)
  }

  /// The newer exporter writes bare names, old ones numbers that say nothing.
  @Test func bareNamesAndNumbers() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.node("Relu", ["x"], ["relu"], name: "node_relu")
    draft.node("Tanh", ["relu"], ["17"])
    draft.node("Relu", ["17"], ["relu_1"], name: "node_relu_1")
    draft.output("relu_1")
    let layers = try Network(bytes: draft.bytes()).graph().layers()
    #expect(layers.map(\.name) == ["relu", "Tanh:1", "relu_1"])
    #expect(try layers.matching("relu").map(\.ordinal) == ["Relu:1"])
    #expect(try layers.matching("17").map(\.ordinal) == ["Tanh:1"])
    #expect(try layers.matching("node_relu_1").map(\.ordinal) == ["Relu:2"])
  }

  /// Shape arithmetic and parameters are no layers; a value that no output needs is none either.
  @Test func onlyValuesOfTheDataAreLayers() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    draft.initialiser("w", normalTensor([4, 4]))
    draft.node("Transpose", ["w"], ["turned"])
    draft.node("MatMul", ["x", "turned"], ["y"])
    draft.node("Tanh", ["x"], ["unused"])
    draft.output("y")
    #expect(try Network(bytes: draft.bytes()).graph().layers().map(\.onnxValue) == ["y"])
  }
}

internal import NoemaTensor
internal import ONNXSchema
internal import SwiftProtobuf

/// Makes the bytes of each case from the seed and its number alone.
struct CaseSource {
  let seed: UInt64
  let corpus: Corpus

  /// The file of a case.
  func bytes(of number: Int) -> [UInt8] {
    var random = RandomNumbers(seed: seed).split(number)
    var model: Onnx_ModelProto
    if !corpus.files.isEmpty, random.index(below: 4) > 0 {
      model = start(from: corpus.files[random.index(below: corpus.files.count)], &random)
    } else {
      model = InventedModel.make(&random)
    }
    for _ in 0..<random.index(below: 5) { StructureMutation.apply(to: &model, &random) }
    // What was just encoded is encoded again only if a name is no longer valid text, which never happens here.
    var bytes: [UInt8] = (try? model.serializedBytes()) ?? []
    if random.index(below: 4) == 0 {
      for _ in 0...random.index(below: 4) { ByteMutation.apply(to: &bytes, &random) }
    }
    return bytes
  }

  /// A file of the corpus, some of its inputs bound as constants.
  private func start(from file: Corpus.File, _ random: inout RandomNumbers) -> Onnx_ModelProto {
    var model = file.model
    for (port, tensor) in zip(model.graph.input, file.inputs) {
      let isFloat = tensor.dataType == Int32(Onnx_TensorProto.DataType.float.rawValue)
      guard random.index(below: isFloat ? 8 : 4) < (isFloat ? 1 : 3) else { continue }
      var constant = tensor
      constant.name = port.name
      model.graph.initializer.append(constant)
    }
    return model
  }
}

extension RandomNumbers {
  /// One of the elements.
  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[index(below: elements.count)] }

  /// An integer that shapes, axes and counts may be: mostly small, at times from the edge of what there is.
  mutating func hostileInteger() -> Int64 {
    switch index(below: 4) {
    case 0, 1: Int64(index(below: 6)) - 1
    case 2: Int64(index(below: 70)) - 3
    default: pick(edgeIntegers)
    }
  }

  /// A float that attributes may be.
  mutating func hostileFloat() -> Float {
    index(below: 2) == 0
      ? Float(uniform(-2..<3))
      : pick(edgeFloats)
  }
}

private let edgeIntegers: [Int64] = {
  let powers: [Int64] = [15, 16, 20, 22, 24, 28, 31, 32, 33, 40, 46, 62].map { (1 as Int64) << $0 }
  return [0, -1, 255, .max, .min, .min + 1] + powers + powers.map { -$0 } + powers.map { $0 - 1 }
}()

private let edgeFloats: [Float] = [
  0, -1, 1, 0.5, 1e-30, 1e30, -1e30, .infinity, -.infinity, .nan, 1e9, 4e18, 1e19,
]

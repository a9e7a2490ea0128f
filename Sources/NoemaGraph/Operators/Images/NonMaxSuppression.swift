internal import NoemaTensor

/// Boxes kept in the order of their scores, unless they overlap a kept one: read where boxes and scores are
/// constant, since how many are kept depends on them.
///
/// - Source: ONNX NonMaxSuppression-10 and -11.
enum NonMaxSuppression {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("NonMaxSuppression", opset: 10...ONNXBinding.newestOpset) { node in
      let boxes = try node.constant(0), scores = try node.constant(1)
      guard boxes.rank == 3, boxes.shape[2] == 4, scores.rank == 3, scores.shape[0] == boxes.shape[0],
        scores.shape[2] == boxes.shape[1]
      else { throw node.error("boxes \(boxes) and scores \(scores) do not fit") }
      func number(_ index: Int) throws -> Double? {
        let tensor = try node.optionalConstant(index)
        return tensor?.converted(to: .float64).elements(as: Double.self).first
      }
      let given = try number(2) ?? 0, most = Int(min(max(given, 0), 0x1p31))
      let overlap = try number(3) ?? 0, least = try number(4) ?? -.infinity
      let isCentred = node.int("center_point_box", default: 0) != 0
      let corners = boxes.converted(to: .float64).elements(as: Double.self)
      let values = scores.converted(to: .float64).elements(as: Double.self)
      let (classes, count) = (scores.shape[1], scores.shape[2])
      var kept: [Int64] = []
      for image in 0..<boxes.shape[0] {
        let areas = (0..<count).map { index -> Box in
          let at = (image * count + index) * 4
          return Box(Array(corners[at..<at + 4]), isCentred)
        }
        for group in 0..<classes {
          func score(_ index: Int) -> Double { values[(image * classes + group) * count + index] }
          let order = (0..<count).filter { score($0) > least }
            .sorted { score($0) == score($1) ? $0 < $1 : score($0) > score($1) }
          var chosen: [Int] = []
          for index in order where chosen.count < most {
            if chosen.allSatisfy({ areas[$0].overlap(areas[index]) <= overlap }) { chosen.append(index) }
          }
          for index in chosen { kept += [Int64(image), Int64(group), Int64(index)] }
        }
      }
      return [node.constant(Tensor(shape: [kept.count / 3, 3], kept))]
    }
  ]

  private struct Box {
    let low, high: (x: Double, y: Double)

    /// From two opposite corners y₁ x₁ y₂ x₂, or from a centre x y and the extents w h.
    init(_ numbers: [Double], _ isCentred: Bool) {
      if isCentred {
        low = (numbers[0] - numbers[2] / 2, numbers[1] - numbers[3] / 2)
        high = (numbers[0] + numbers[2] / 2, numbers[1] + numbers[3] / 2)
      } else {
        low = (min(numbers[1], numbers[3]), min(numbers[0], numbers[2]))
        high = (max(numbers[1], numbers[3]), max(numbers[0], numbers[2]))
      }
    }

    var area: Double { (high.x - low.x) * (high.y - low.y) }

    /// The area in common relative to the area of both together.
    func overlap(_ other: Box) -> Double {
      let width = min(high.x, other.high.x) - max(low.x, other.low.x)
      let height = min(high.y, other.high.y) - max(low.y, other.low.y)
      guard width > 0, height > 0 else { return 0 }
      return width * height / (area + other.area - width * height)
    }
  }
}

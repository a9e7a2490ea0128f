@testable import NoemaReport
import Testing

@Test(arguments: [
  (0.0, 1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
  (0.0, 10.0, ["0", "2", "4", "6", "8", "10"]),
  (-1.0, 1.0, ["−1.0", "−0.5", "0", "0.5", "1.0"]),
  (0.4, 1.0, ["0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]),
  (0.0, 0.1, ["0", "0.02", "0.04", "0.06", "0.08", "0.10"]),
])
func ticksAreRound(low: Double, high: Double, labels: [String]) {
  #expect(Ticks(in: low...high).labels == labels)
}

@Test(arguments: [
  (0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (0.0, 1e-300), (0.0, 1e308), (-1e308, 1e308), (1e15, 1e15 + 1),
  (-.infinity, .infinity), (0.0, 123_456.0), (0.0, 7.3e-9),
])
func ticksSurviveAnyRange(low: Double, high: Double) {
  let ticks = Ticks(in: low...high)
  #expect((2...14).contains(ticks.values.count))
  #expect(ticks.values.count == ticks.labels.count)
  #expect(ticks.values.allSatisfy { $0.isFinite })
  #expect(zip(ticks.values, ticks.values.dropFirst()).allSatisfy { $0 < $1 })
}

@Test func textIsCutInTheMiddle() {
  let name = "/layer4/layer4.2/very/long/name/Relu_output_0"
  let cut = TextMetrics.fitting(name, in: 100, size: 12)
  #expect(TextMetrics.width(of: cut, size: 12) <= 100)
  #expect(cut.hasPrefix("/layer4") && cut.hasSuffix("put_0") && cut.contains("…"))
  let layers = (1...9).map { "/backbone/stage\($0)/block.\($0)/conv3/activation_output_0" }
  let fitted = TextMetrics.fitting(layers, in: 120, size: 12)
  #expect(fitted[0] == "…stage1/block.1…" && Set(fitted).count == 9)
  #expect(TextMetrics.fitting(["a", "a"], in: 1, size: 12) == ["…", "…"])
  #expect(TextMetrics.fitting("short", in: 100, size: 12) == "short")
}

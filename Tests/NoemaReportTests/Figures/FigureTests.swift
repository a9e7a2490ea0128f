import Foundation
import NoemaReport
import NoemaTensor
import Testing

private let hostile = "<script>alert(\"1\")</script>&\u{1}' onload='x"

private let values: [MeasuredValue?] = [
  MeasuredValue(0.9, low: 0.8, high: 0.95), MeasuredValue(0.4, isSignificant: false, mark: "n.s."), nil,
  MeasuredValue(.nan),
]

private let figures: [any Figure] = [
  BarChart(
    title: hostile, description: hostile, valueTitle: hostile, groups: ["a", hostile, "c", "d"],
    series: [Series(name: hostile, values: values), Series(name: "b", values: values)],
    reference: ReferenceLine(0.5, name: hostile)),
  LineChart(
    title: hostile, categoryTitle: hostile, valueTitle: hostile, categories: ["a", hostile, "c", "d"],
    series: [Series(name: hostile, values: values)]),
  NullChart(
    title: hostile, valueTitle: hostile,
    rows: [
      .init(name: hostile, observed: 0.9, null: [0.1, 0.5, .nan, 2], p: 0.01, pAdjusted: 0.04),
      .init(name: "none", observed: .nan, null: [], p: .nan, pAdjusted: .nan),
    ]),
  DotChart(
    title: hostile, valueTitle: hostile, range: 0.4...1, measures: [hostile, "b"],
    sections: [.init(name: hostile, rows: [.init(name: hostile, values: [0.9, nil], chance: 0.5)])]),
  HeatMap(
    title: hostile, valueTitle: hostile, rows: ["a", hostile], columns: ["a", hostile],
    values: [[1, .nan], [nil]]),
]

@Test(arguments: figures.indices, [FigureMode.standalone, .inline])
func figuresAreWellFormedAndEscaped(index: Int, mode: FigureMode) {
  let svg = figures[index].svg(mode, identifier: "figure \"\(index)")
  let parsed = WellFormed(svg)
  #expect(parsed.isWellFormed)
  #expect(!parsed.elements.contains("script"))
  #expect(!svg.contains(" onload='"))
  #expect(!svg.contains("nan") && !svg.contains("inf"))
  #expect(svg.contains("var(--") == (mode == .inline))
}

@Test func emptyFiguresDoNotFail() {
  let empty: [any Figure] = [
    BarChart(title: "", valueTitle: "", groups: [], series: []),
    LineChart(title: "", categoryTitle: "", valueTitle: "", categories: [], series: []),
    NullChart(title: "", valueTitle: "", rows: []),
    DotChart(title: "", valueTitle: "", range: 0...1, measures: [], sections: []),
    HeatMap(title: "", valueTitle: "", rows: [], columns: [], values: []),
  ]
  for figure in empty { #expect(WellFormed(figure.svg(.standalone, identifier: "")).isWellFormed) }
}

@Test func whatIsNotSignificantIsHatchedAndMarked() {
  let bars = [MeasuredValue(0.9), MeasuredValue(0.4, isSignificant: false, mark: "n.s.")]
  let chart = BarChart(
    title: "t", valueTitle: "v", groups: ["a", "b"], series: [Series(name: "s", values: bars)])
  let svg = chart.svg(.standalone, identifier: "f")
  #expect(svg.components(separatedBy: "fill=\"url(#f-hatch-series0)\"").count == 2)
  #expect(svg.contains(">n.s.</text>"))
}

@Test func pngHasTheSignature() throws {
  let svg = figures[0].svg(.standalone, identifier: "f")
  guard PNGExport.isAvailable else {
    let error = #expect(throws: ReportError.self) { try PNGExport.png(of: svg) }
    #expect(error?.kind == .toolMissing(tool: "rsvg-convert", package: "librsvg2-bin"))
    return
  }
  #expect(try PNGExport.png(of: svg).starts(with: [0x89, 0x50, 0x4E, 0x47]))
  let error = #expect(throws: ReportError.self) { try PNGExport.png(of: "no drawing") }
  #expect(error?.category == .inputOutput)
}

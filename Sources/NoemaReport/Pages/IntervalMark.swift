/// A score and its interval on a line from 0 to 1, small enough for a table's cell.
enum IntervalMark {
  static func html(_ measurement: MeasuredValue) -> HTML {
    let scale = Scale(0...1, from: 6, to: 144)
    func x(_ value: Double) -> String { NumberText.coordinate(scale(value)) }
    func line(_ x1: String, _ y1: Int, _ x2: String, _ y2: Int, _ paint: Paint, _ width: Double) -> String {
      "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" "
        + "style=\"stroke:\(paint.value(in: .inline));stroke-width:\(width)\"/>"
    }
    var parts = line(x(0), 10, x(1), 10, .grid, 1.5) + line(x(0.5), 3, x(0.5), 17, .faint, 1)
    if measurement.value.isFinite {
      let paint: Paint = measurement.isSignificant ? .series(0) : .muted
      if let low = measurement.low, let high = measurement.high {
        parts += line(x(low), 10, x(high), 10, paint, 3)
      }
      let fill: Paint = measurement.isSignificant ? paint : .background
      parts +=
        "<circle cx=\"\(x(measurement.value))\" cy=\"10\" r=\"4\" "
        + "style=\"fill:\(fill.value(in: .inline));stroke:\(paint.value(in: .inline));stroke-width:1.5\"/>"
    }
    return HTML(trusted: "<svg class=\"range\" viewBox=\"0 0 150 20\" aria-hidden=\"true\">\(parts)</svg>")
  }
}

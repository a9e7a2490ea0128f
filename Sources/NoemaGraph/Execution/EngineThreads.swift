/// The threads that networks run on.
public enum EngineThreads {
  /// How many there are.
  public static var count: Int { Parallel.threadCount }

  /// Runs jobs side by side, as many at once as there are threads; a network that a job runs has that thread alone.
  ///
  /// Small networks get more from two threads by running twice than by sharing each step. Sessions belong to one caller
  /// at a time, so each job needs its own.
  public static func run(_ jobs: Int, _ job: @Sendable (Int) -> Void) {
    Parallel.ranges(jobs, grain: 1) { range in
      for index in range { job(index) }
    }
  }
}

import LogWriter
import NetworkFunction
import NetworkFunctions

/// The NFs of this build, under the names topologies use, and the writer of their logs.
@main enum OnvmNF {
    static func main() {
        LogWriterProcess.runIfAsked()
        Zygote.main(functions: [.service(WebServer.self), .service(Greeter.self)])
    }
}

import NetworkFunction
import NetworkFunctions

/// The NFs of this build, under the names topologies use.
@main enum OnvmNF {
    static func main() {
        Zygote.main(functions: [.service(WebServer.self), .service(Greeter.self)])
    }
}

package manor.hudson;

import hudson.remoting.Engine;
import hudson.remoting.EngineListener;
import java.io.IOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs Hudson's agent so that it lasts. What Hudson's own {@code hudson.remoting.jnlp.Main} does ends the process when the controller is away
 * at the start, or does not know the node yet, and takes the secret as an argument that every user of the host can read. Here the secret
 * comes from a file, and whatever goes wrong is tried again, so that an agent can be started before its node is made and outlives
 * restarts of its controller.
 *
 * <p>Arguments: URL of the controller, name of the node, path of the file with the secret. Class path: this directory, then slave.jar.
 */
public final class Agent {
    /** Waits between tries: short at first, since the node is often made a moment after the agent was started. */
    private static final long[] DELAYS_MS = {100, 250, 500, 1_000, 2_000, 3_000};

    private Agent() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length != 3) {
            System.err.println("Give the controller's URL, the node's name and the path of the file that holds the secret.");
            System.exit(2);
        }
        String secret = Files.readString(Path.of(arguments[2]), StandardCharsets.UTF_8).trim();
        Connection connection = new Connection();
        Engine engine = new Engine(connection, List.of(new URL(arguments[0])), secret, arguments[1]);
        // Without this the engine would wait 10 s after each loss. The same engine is run again, since it keeps the cookie with
        // which the controller tells an agent that comes back from a second one of the same name.
        engine.setNoReconnect(true);
        for (int failures = 0; ; ) {
            connection.connected = false;
            try {
                engine.run();
            } catch (Abandoned thrown) {
                // Thrown where the engine does not catch: while it looks for a controller that is away.
            }
            failures = connection.connected ? 0 : failures + 1;
            Thread.sleep(DELAYS_MS[Math.min(failures, DELAYS_MS.length - 1)]);
        }
    }

    /** Leaves the engine's own loops, which wait 10 s or end the process, by throwing out of its callbacks. */
    private static final class Connection implements EngineListener {
        private boolean connected;

        @Override
        public void status(String message) {
            System.err.println(message);
            if (message.equals("Connected")) connected = true;
        }

        @Override
        public void status(String message, Throwable cause) {
            throw new Abandoned(message, cause);
        }

        @Override
        public void error(Throwable cause) {
            // Where the engine does catch, it reports what was thrown here again, and is about to return.
            if (cause instanceof Abandoned) return;
            System.err.println(cause);
            throw new Abandoned(cause.getMessage(), cause);
        }

        @Override
        public void onDisconnect() {}
    }

    private static final class Abandoned extends RuntimeException {
        private static final long serialVersionUID = 1;

        Abandoned(String message, Throwable cause) {
            super(message, cause);
        }
    }
}

package hudson.model;

import java.io.File;
import jenkins.model.Jenkins;

public class Hudson extends Jenkins {
    public Hudson(File root) {
        super(root);
    }
}
